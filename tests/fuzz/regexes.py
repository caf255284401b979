"""Regular expressions of strangers: ours against Python's, where that one comes to an end."""

from __future__ import annotations

import re
import signal
import warnings
from typing import Any

from pyrolike.errors import NamingError
from pyrolike.naming.regex import Pattern
from tests.fuzz.target import Target

ENOUGH = 0.3
"""Seconds after which Python's own matching counts as endless."""

warnings.simplefilter("ignore", FutureWarning)  # "[[" is one
warnings.simplefilter("ignore", DeprecationWarning)


class EndlessError(Exception):
    """Python has not come to an end."""


def _give_up(*_: Any) -> None:
    raise EndlessError


def check(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    regex, _, name = text.partition("\n")
    try:
        pattern = Pattern(regex)
        found = pattern.matches(name[:200])
    except NamingError as fault:
        assert len(str(fault)) < 1500
        return
    assert not found or name.startswith(pattern.prefix)
    expected = _match(regex, name[:200])
    assert expected in (None, found), (regex, name, expected, found)


def _match(regex: str, name: str) -> bool | None:
    """Return what Python finds; None if that takes too long."""
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, ENOUGH)
    try:
        return re.match(regex, name) is not None
    except EndlessError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


_REGEXES = [
    "http\\.", "a.*b", "(a+)+$", "(a|a)*b", "^test[.-]\\d{2,4}$", "(?i)Weather", "(?:x|y|z)+?q",
    "[^a-z]",
    "(?P<n>a)(?P=n)", "(?=a)b", "(?<!a)b", "\\bword\\B", "a{3}{2}", "(a*)*c", "(?s:.)\\Z",
    "(?x) a b #c",
    "[\\w-]+", "a++b", "(?>a+)b", "\\x41\\u0042\\N{BULLET}", "(?(1)a|b)", ".{0,100}x",
    "(((((a)))))*",
]  # fmt: skip

TARGET = Target(
    "A regular expression matches what Python's would, in a time that the length of name and"
    " expression bound, or is refused with a NamingError.",
    check,
    [
        f"{regex}\n{name}".encode()
        for regex in _REGEXES
        for name in ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "http.test-12", "Weather")
    ],
    tokens=[
        b"(?:", b"(?i)", b"(?=", b"(?!", b"(?<=", b"(?P<n>", b"(?P=n)", b"\\1", b"*?", b"+)+",
        b"{2,}",
        b"{0,999}", b"{,3}", b"[^", b"\\d", b"\\W", b"\\b", b"|", b"$", b"^", b".*", b"(?>",
        b"++", b"\n",
        b"(?x)", b"\\Z", b"[a-z]", b"(?-i:", b"a" * 20, b"\\N{BULLET}", b"\xc3\x9f", b"\xc4\xb0",
    ],
    largest=300,
    seconds=4.0,
)  # fmt: skip
