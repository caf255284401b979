"""A Python at whose prompt a page's ``pycon`` blocks are typed; `terminals` runs it as a process.

Each line of its input is a list in JSON, of a block's text and the number of its first line. Its
answer is one line, too: a text in JSON that tells what came out otherwise than shown, or is empty.
"""

from __future__ import annotations

import doctest
import json
import os
import sys
from typing import Any


def main() -> None:
    """Run blocks until the input ends; names and imports stay from one to the next."""
    sys.path[0] = os.getcwd()  # where a Python that is started in a terminal finds modules
    names: dict[str, Any] = {"__name__": "__main__"}
    answers, parser = sys.stdout, doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    for line in sys.stdin:
        text, number = json.loads(line)
        said: list[str] = []
        test = parser.get_doctest(text, names, "the session", None, number - 1)
        test.globs = names  # it has made a copy, for tests that do not go on
        runner.run(test, out=said.append, clear_globs=False)
        print(json.dumps("".join(said)), file=answers, flush=True)


if __name__ == "__main__":
    main()
