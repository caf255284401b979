"""How many steps `re` can need at most to match an expression against a text of a given length.

`re` tries one way after the other, and goes back where one fails. What an item of an expression
costs therefore depends on what stands behind it: each way to match the item may lead to the whole
rest being tried. So the sum is made from the end to the front, handing on what the rest costs; for
``.*a.*b`` and a hundred characters that is about a hundred times a hundred.

The sums are upper bounds for the worst text. They are cut off at a limit, because they reach
thousands of digits easily; that also bounds the time it takes to make them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from .parser import Aside, Atom, Choice, Node, Reference, Repeat, Sequence

HARMLESS = 50_000
"""Steps that are allowed for one name: about a millisecond."""

_LENGTHS = (16, 32, 64, 128, 256, 512, 1024, 4096)


def find_harmless_length(tree: Node, on_step: Callable[[], None]) -> int:
    """Return up to which length `re` certainly needs less than `HARMLESS` steps for a text.

    Args:
        tree: The expression.
        on_step: Called before each try; it may raise.

    Returns:
        A number of characters; -1 if there is no such length.
    """
    found = -1
    for length in _LENGTHS:
        on_step()
        if _Bound(length).steps(tree, 1) >= HARMLESS:
            break
        found = length
    return found


class _Bound:
    """Makes the sum for texts of one length."""

    def __init__(self, length: int) -> None:
        self._length = length

    def steps(self, node: Node, rest: int) -> int:
        """Return what *node* costs together with everything behind it.

        Args:
            node: A part of the expression.
            rest: What is tried for each way to match it, in steps.
        """
        return min(self._steps(node, rest), HARMLESS)

    def _steps(self, node: Node, rest: int) -> int:
        match node:
            case Sequence(items):
                return 1 + reduce(lambda behind, item: self.steps(item, behind), items[::-1], rest)
            case Choice(branches):
                return 1 + sum(self.steps(branch, rest) for branch in branches)
            case Repeat(item, possessive=True):
                return self._repeat(Repeat(item, node.least, node.most), 1) + rest
            case Repeat():
                return self._repeat(node, rest)
            case Aside(item):
                return 1 + self.steps(item, 1) + rest
            case Reference():
                return self._length + rest
        return 1 + rest  # an atom or an anchor

    def _repeat(self, node: Repeat, rest: int) -> int:
        most = self._length if node.most is None else node.most
        if isinstance(node.item, Atom):
            ways = max(min(most, self._length) - node.least, 0) + 1
            return self._length + ways * rest
        # Each round but the first *least* takes one character at least, or is the last.
        rounds = min(most, node.least + self._length + 1)
        total = rest
        for number in range(rounds, 0, -1):
            total = 1 + self.steps(node.item, total) + (rest if number > node.least else 0)
            if total >= HARMLESS:
                break
        return total
