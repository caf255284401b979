"""Matches an expression in one walk over the text, whatever the expression is.

The classic construction: the tree becomes a net of places; at each character all places where a
match could be are followed at once, instead of one after the other. Sets of places that have been
met are kept as states with the way each character leads on, so that most of the walk is one look
into a dictionary per character.

Only what an automaton can do is possible: no back references, no looking around. And it only says
whether there is a match, which is all that a search for names asks.

Costs: building is bounded by `_MOST_PLACES`. A character that a state has not seen yet takes a step
for each place; the states kept are bounded by `_ROOM`, and made anew when that is used up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .parser import Anchor, Atom, Choice, Node, Repeat, Sequence

_MOST_PLACES = 2000
"""Places of one net; each counted repeat has as many copies of its item as it counts."""

_ROOM = 200_000
"""Places in all kept states and their transitions together, some ten megabytes."""

END = ""
"""Stands for the end of the text where a character is expected."""

LAST_NEWLINE = "\n$"
"""Stands for a newline that ends the text: ``$`` matches in front of it."""

_Before = tuple[bool, bool, bool, bool]
"""What anchors want to know of the character before: none, a newline, a word's, an ASCII word's."""

_AT_THE_START: _Before = (True, False, False, False)
_is_word = re.compile(r"\w").fullmatch
_is_ascii_word = re.compile(r"\w", re.ASCII).fullmatch
# Python 3.14 changed its mind about that.
_EMPTY_IS_NO_BOUNDARY = re.match(r"\B", "") is not None


class TooComplicated(Exception):
    """An automaton cannot match this expression; the text says why."""


class _Place:
    """A place in the net: a test, and where it leads.

    Attributes:
        atom: What the next character must be; None where none is taken.
        anchor: What must hold here; None where nothing must.
        following: The places behind.
    """

    __slots__ = ("anchor", "atom", "following")

    def __init__(
        self,
        following: tuple[_Place, ...] = (),
        atom: Callable[[str], object] | None = None,
        anchor: Anchor | None = None,
    ) -> None:
        self.following = following
        self.atom = atom
        self.anchor = anchor


class _State(dict[str, "_State"]):
    """A set of places where a match could be, and the state each character leads to."""

    __slots__ = ("automaton", "before", "places")

    def __init__(self, automaton: Automaton, places: frozenset[_Place], before: _Before) -> None:
        self.automaton = automaton
        self.places = places
        self.before = before

    def __missing__(self, symbol: str) -> _State:
        following = self[symbol] = self.automaton._step(self, symbol)
        return following


class Automaton:
    """Tells if an expression matches at the start of a text.

    Args:
        tree: The expression.
        on_step: Called for each step that is not a look into a dictionary; it may raise.

    Raises:
        TooComplicated: No automaton can match it, or only a huge one.
    """

    def __init__(self, tree: Node, on_step: Callable[[], None]) -> None:
        self._on_step = on_step
        self._goal = _Place()
        net = _Net()
        self._first = net.build(tree, self._goal)
        self._sees_neighbours = net.has_anchors
        self._states: dict[tuple[frozenset[_Place], _Before], _State] = {}
        self._room = 0
        self._found = _State(self, frozenset(), _AT_THE_START)
        self._failed = _State(self, frozenset(), _AT_THE_START)

    def matches(self, text: str) -> bool:
        """Tell if the expression matches at the start of *text*, as `re.match` does."""
        state = self._state([self._first], _AT_THE_START)
        for symbol in [*text[:-1], LAST_NEWLINE] if text.endswith("\n") else text:
            state = state[symbol]
            if state is self._found:
                return True
            if state is self._failed:
                return False
        return state[END] is self._found

    def _step(self, state: _State, symbol: str) -> _State:
        """Return the state behind *symbol*; the end of the text always fails or succeeds."""
        self._on_step()
        self._room += len(state.places) + 1
        here = self._closure(state, symbol)
        if self._goal in here:
            return self._found
        character = symbol[:1]
        behind = [
            place.following[0]
            for place in here
            if place.atom is not None and character and place.atom(character)
        ]
        return self._state(behind, self._neighbour(character)) if behind else self._failed

    def _state(self, places: Iterable[_Place], before: _Before) -> _State:
        key = frozenset(places), before
        known = self._states.get(key)
        if known is None:
            if self._room > _ROOM:
                self._states.clear()
                self._room = 0
            self._room += len(key[0]) + 1
            known = self._states[key] = _State(self, *key)
        return known

    def _closure(self, state: _State, symbol: str) -> set[_Place]:
        """Return all places that can be reached without a character, if *symbol* comes next."""
        reached: set[_Place] = set()
        waiting = list(state.places)
        while waiting:
            place = waiting.pop()
            if place in reached:
                continue
            reached.add(place)
            if place.atom is None and (
                place.anchor is None or _holds(place.anchor, state.before, symbol)
            ):
                waiting += place.following
        return reached

    def _neighbour(self, character: str) -> _Before:
        if not self._sees_neighbours:
            return _AT_THE_START  # nobody asks, and so there are fewer states
        word, ascii_word = _is_word(character), _is_ascii_word(character)
        return False, character == "\n", word is not None, ascii_word is not None


class _Net:
    """Builds the places, from the last to the first.

    Attributes:
        has_anchors: Whether there are any.
    """

    def __init__(self) -> None:
        self.has_anchors = False
        self._built = 0

    def build(self, node: Node, behind: _Place) -> _Place:
        """Return the place where *node* begins, if *behind* is where it leads."""
        self._built += 1
        if self._built > _MOST_PLACES:
            raise TooComplicated("it repeats too much")
        match node:
            case Atom(source, flags):
                return _Place((behind,), atom=re.compile(source, flags).fullmatch)
            case Anchor():
                self.has_anchors = True
                return _Place((behind,), anchor=node)
            case Sequence(items):
                for item in items[::-1]:
                    behind = self.build(item, behind)
                return behind
            case Choice(branches):
                return _Place(tuple(self.build(branch, behind) for branch in branches))
            case Repeat(possessive=False):
                return self._build_repeat(node, behind)
        raise TooComplicated("it refers back, looks around or is possessive")

    def _build_repeat(self, node: Repeat, behind: _Place) -> _Place:
        if node.most is None:
            loop = _Place()
            loop.following = self.build(node.item, loop), behind
            place = loop
        else:
            place = behind
            for _ in range(node.most - node.least):
                place = _Place((self.build(node.item, place), behind))
        for _ in range(node.least):
            place = self.build(node.item, place)
        return place


def _holds(anchor: Anchor, before: _Before, symbol: str) -> bool:
    """Tell if an anchor matches between the character before and the symbol that comes next."""
    at_start, after_newline, after_word, after_ascii_word = before
    is_multiline = anchor.flags & re.MULTILINE
    match anchor.kind:
        case "^":
            return at_start or bool(is_multiline and after_newline)
        case "A":
            return at_start
        case "Z" | "z":
            return symbol == END
        case "$":
            return symbol in (END, LAST_NEWLINE) or bool(is_multiline and symbol == "\n")
    if anchor.flags & re.ASCII:
        is_boundary = after_ascii_word != (_is_ascii_word(symbol) is not None)
    else:
        is_boundary = after_word != (_is_word(symbol) is not None)
    if anchor.kind == "B" and at_start and symbol == END:
        return _EMPTY_IS_NO_BOUNDARY
    return is_boundary == (anchor.kind == "b")
