"""A finding, as a program reads it."""

import pytest

from pyrolike.commands.findings import Finding


@pytest.mark.parametrize(
    ("level", "is_wrong"), [("ok", False), ("note", False), ("warning", True), ("error", True)]
)
def test_warnings_and_errors_are_wrong(level: str, is_wrong: bool) -> None:
    assert Finding(level, "topic", "It is so.").is_wrong is is_wrong


def test_a_finding_is_a_dictionary_for_json() -> None:
    assert Finding("note", "topic", "It is so.", "Do that.").as_dict() == {
        "level": "note",
        "topic": "topic",
        "text": "It is so.",
        "advice": "Do that.",
    }
