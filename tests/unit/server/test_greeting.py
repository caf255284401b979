"""What is said in each handshake is read and written once, if it is the same and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from pyrolike._remembering import Remembered
from pyrolike.objects import expose
from pyrolike.objects.members import get_members
from pyrolike.serializers import get_serializer
from pyrolike.server import greeting
from tests.support import wire
from tests.support.rawpeer import call_message, serpent
from tests.support.serving import Hooks, exchange, make_service, serving

SERPENT = get_serializer("serpent")


@expose
class Calc:
    def add(self, x: int, y: int) -> int:
        return x + y


class Doorkeeper(Hooks):
    """Has one word for everybody."""

    def __init__(self, word: Any) -> None:
        super().__init__()
        self.word = word

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        return self.word


class Counting:
    """Counts how often a serializer reads and writes."""

    def __init__(self, codec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts = {"dumps": 0, "loads_plain": 0}
        for name in self.counts:
            monkeypatch.setattr(codec, name, self._counted(name, getattr(codec, name)))

    def _counted(self, name: str, function: Any) -> Any:
        def count(data: Any) -> Any:
            self.counts[name] += 1
            return function(data)

        return count


@pytest.mark.parametrize(
    ("handshake", "word", "expected"),
    [
        ("hello", "welcome", (1, 1)),
        ("a secret of ours", "welcome", (1, 3)),  # is not kept
        ("hello", "w" * 200, (3, 1)),
        ("hello", ["made", "anew"], (3, 1)),
    ],
)
def test_what_is_said_in_each_handshake_is_read_and_written_once(
    monkeypatch: pytest.MonkeyPatch, handshake: str, word: Any, expected: object
) -> None:
    monkeypatch.setattr(greeting, "_greetings", Remembered(10))
    monkeypatch.setattr(get_members(Calc), "written", Remembered(10))
    service = make_service({"calc": Calc()}, Doorkeeper(word))
    counting = Counting(SERPENT, monkeypatch)
    said = wire.message(
        wire.CONNECT, serpent({"handshake": handshake, "object": "calc"}), serializer=1
    )
    answers = []
    for _ in range(3):
        with serving(service) as pair:
            answers.append(exchange(pair, said).payload)
            assert exchange(pair, call_message("add", 2, 3)).type == wire.RESULT
    assert answers == [answers[0]] * 3
    assert SERPENT.loads(answers[0])["handshake"] == word
    # Only answers to handshakes: those to calls are packed.
    # Beside the answers to handshakes there is one to each call.
    assert (counting.counts["dumps"] - 3, counting.counts["loads_plain"]) == expected
