"""The picture of a call's life: ``proxy.add(2, 3)``, from the program to the object and back.

It follows the code of the thread-pool server, the usual case. Each step says which function does
it; a test looks for them in the package.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import Canvas, width_of

WIDTH, ROW, TOP = 760, 29, 128

CLIENT = ("your program", "Proxy", "Link", "Channel")
SERVER = ("ThreadPoolServer", "Session", "Dispatcher", "your object")
PLACES = {
    "your program": (58, ""),
    "Proxy": (152, "client/proxy"),
    "Link": (236, "client/link"),
    "Channel": (326, "client/channel"),
    "ThreadPoolServer": (444, "server/threadpool"),
    "Session": (548, "server/session"),
    "Dispatcher": (643, "objects/dispatch"),
    "your object": (717, ""),
}
"""Where the life line of each stands, and its module."""

NETWORK = 380


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes:
        who: Whose doing it is.
        to: Whom it goes to; the same for what is done inside.
        words: What happens, as the picture says it.
        names: The functions that do it, as "module:function".
        is_answer: Something goes back to who asked.
    """

    who: str
    to: str
    words: str
    names: tuple[str, ...] = ()
    is_answer: bool = False


STEPS = (
    Step("your program", "Proxy", ".add", ("client.proxy:Proxy.__getattr__",)),
    Step("your program", "Proxy", "(2, 3)", ("client.methods:RemoteMethod.__call__",)),
    Step("Proxy", "Link", 'invoke("add", (2, 3), {})', ("client.link:Link.invoke",)),
    Step(
        "Link",
        "Link",
        "the first time: connect(), handshake, metadata",
        ("client.binding:Binding.connect", "client.connecting:open_channel"),
    ),
    Step("Link", "Link", "pack_call(): bytes", ("serializers.base:SerializerBase.pack_call",)),
    Step("Link", "Channel", "exchange(payload)", ("client.channel:Channel.exchange",)),
    Step(
        "Channel",
        "Channel",
        "_post(): takes number 7, write_head()",
        ("client.channel:Channel._post", "protocol.v502:Pyro5Dialect.write_head"),
    ),
    Step("Channel", "ThreadPoolServer", "INVOKE 7: one send"),
    Step(
        "ThreadPoolServer",
        "ThreadPoolServer",
        "if idle, Parking: receive_available()",
        ("server.parking:Parking._attend", "server.inbox:Inbox.receive_available"),
    ),
    Step(
        "ThreadPoolServer",
        "ThreadPoolServer",
        "_serve(): take_message(), pool thread",
        ("server.threadpool:ThreadPoolServer._serve", "server.inbox:Inbox.take_message"),
    ),
    Step("ThreadPoolServer", "Session", "process()", ("server.session:Session.process",)),
    Step("Session", "Dispatcher", "answer()", ("objects.dispatch:Dispatcher.answer",)),
    Step(
        "Dispatcher",
        "Dispatcher",
        "prepare(): loadsCall()",
        ("objects.dispatch:Dispatcher.prepare", "serializers.base:SerializerBase.loadsCall"),
    ),
    Step(
        "Dispatcher",
        "Dispatcher",
        "table.get(), find_method()",
        ("objects.table:ObjectTable.get", "objects.members:find_method"),
    ),
    Step("Dispatcher", "your object", "add(2, 3)"),
    Step("your object", "Dispatcher", "5", is_answer=True),
    Step("Dispatcher", "Session", "pack(5)", ("serializers.base:SerializerBase.pack",), True),
    Step(
        "Session", "Channel", "RESULT 7: _reply(), one send", ("server.session:Session._reply",),
        is_answer=True,
    ),
    Step(
        "Channel",
        "Channel",
        "_lead(): reads for all threads that wait; 7 is its own",
        ("client.channel:Channel._lead",),
    ),
    Step("Channel", "Link", "the message", is_answer=True),
    Step(
        "Link",
        "Link",
        "_read_reply(): loads(), or raise_remote()",
        (
            "client.link:Link._read_reply",
            "serializers.base:SerializerBase.loads",
            "objects.calls:raise_remote",
        ),
    ),
    Step("Link", "your program", "5", is_answer=True),
)  # fmt: skip


def draw() -> str:
    """Return the picture."""
    canvas = Canvas("The life of a call: proxy.add(2, 3)", WIDTH)
    canvas.words(24, 30, "The life of a call: proxy.add(2, 3)", "title")
    canvas.words(
        24, 47, "One thread of the client, one of the server's pool; nothing is handed over.",
        "faint",
    )  # fmt: skip
    bottom = TOP + ROW * len(STEPS) + 6
    _draw_lives(canvas, bottom)
    for index, step in enumerate(STEPS):
        _draw_step(canvas, step, TOP + ROW * (index + 1) - 8)
    return canvas.render(bottom + 18)


def _draw_lives(canvas: Canvas, bottom: float) -> None:
    canvas.box(NETWORK - 9, 70, 18, bottom - 70, fill="plain", stroke="plain", radius=3)
    canvas.words(NETWORK, 64, "network", "faint", anchor="middle")
    for name, (x, module) in PLACES.items():
        colour = "blue" if name in CLIENT else "orange"
        canvas.words(x, 88, name, "strong", anchor="middle", colour=colour)
        canvas.words(x, 102, module, "faint", anchor="middle")
        canvas.line([(x, 110), (x, bottom)], dashed=True, colour="edge")
        first, last = _span_of(name)
        y, height = TOP + ROW * first + 12, ROW * (last - first) + 8
        canvas.box(x - 4, y, 8, height, fill=f"{colour}-tint", stroke=colour, radius=2)


def _span_of(name: str) -> tuple[int, int]:
    """Return the numbers of the first and the last step in which *name* is busy."""
    numbers = [index for index, step in enumerate(STEPS) if name in (step.who, step.to)]
    return numbers[0], numbers[-1]


def _draw_step(canvas: Canvas, step: Step, y: float) -> None:
    start, end = PLACES[step.who][0], PLACES[step.to][0]
    colour = "blue" if step.who in CLIENT else "orange"
    if start == end:
        _draw_inside(canvas, step.words, start, y, colour)
        return
    side = 1 if end > start else -1
    canvas.arrow([(start + 5 * side, y), (end - 5 * side, y)], dashed=step.is_answer, colour=colour)
    size = width_of(step.words, code=True)
    left = min(start, end)
    middle = (start + end) / 2
    if size > abs(end - start) - 12:
        middle = left + size / 2 + 10
    middle = min(middle, WIDTH - size / 2 - 12)
    canvas.words(middle, y - 6, step.words, "code halo", anchor="middle")


def _draw_inside(canvas: Canvas, words: str, x: float, y: float, colour: str) -> None:
    """Draw what is done inside: beside the life line, where there is more room."""
    size = width_of(words, code=True)
    is_right = x + 16 + size < WIDTH - 10
    middle = x + 18 + size / 2 if is_right else x - 18 - size / 2
    canvas.box(x - 3, y - 8, 6, 6, fill=colour, stroke=colour, radius=3)
    canvas.words(middle, y - 1, words, "code halo", anchor="middle")
