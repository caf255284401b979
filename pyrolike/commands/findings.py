"""What `pyrolike doctor` finds, one sentence each, and what is to be done about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        level: "ok", "note" for what may be as it is, "warning" or "error" for what is wrong.
        topic: What it is about, in a word or two.
        text: What was found, a sentence.
        advice: What to do about it, a sentence; empty if there is nothing to do.
    """

    level: str
    topic: str
    text: str
    advice: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether something should be done."""
        return self.level in ("warning", "error")

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "level": self.level,
            "topic": self.topic,
            "text": self.text,
            "advice": self.advice,
        }


Findings = Iterator[Finding]
