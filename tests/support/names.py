"""Names of tests: the same in every process, so that several can share the tests among them."""

import re

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def shown(value: object) -> str:
    """Return a value as Python shows it, without the address of an object."""
    return ADDRESS.sub("", repr(value))
