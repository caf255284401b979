"""Regular expressions from strangers, matched in bounded time.

The name server searches names with whatever expression a client sends, and Python's `re` may need
longer than the universe has existed for thirty characters: ``(a+)+$`` tries every way to cut a run
of a's in pieces. It cannot be interrupted either, and holds the interpreter while it works, so that
nothing else in the process runs. What can be done about it, and what we do:

* Refusing what looks dangerous breaks honest expressions, and guesses.
* A process that is killed at a deadline costs a process, copies all names for each search, and is
  out of place in a library that somebody embeds.
* So an expression is *read* (`parser`), and it is proven how many steps `re` can need for a name of
  a given length (`cost`). Where that is about a millisecond at most, which holds for nearly all
  expressions that people write for names, `re` does the work. Otherwise an automaton does
  (`automaton`), whose effort grows with the length of the name and with nothing else.
* What only `re` can do (back references, looking around, possessive repeats) is left to it under
  the same proof, and refused without it.

`Pattern` is the front of all that. Since many names are matched in one search, a search has an
`Allowance` too: a moment for everybody at once, then one after the other, and seconds at most.
"""

from .allowance import Allowance
from .pattern import LONGEST_REGEX, Pattern

__all__ = ["LONGEST_REGEX", "Allowance", "Pattern"]
