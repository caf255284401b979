"""A process that is guided by coverage: ``python -m tests.fuzz.worker NAME [libFuzzer's options]``.

Needs atheris (the dependency group ``fuzz``), which has libFuzzer in it. What `tests.fuzz.__main__`
starts; the first finding ends it, and lies in a file then.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["pyrolike"]):
    from tests.fuzz.target import load_target

    _target = load_target(sys.argv[1])

from tests.fuzz.guard import guard, limit_memory


def main() -> None:
    limit_memory()
    atheris.Setup([sys.argv[0], *sys.argv[2:]], guard(_target), enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
