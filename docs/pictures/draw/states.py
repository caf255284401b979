"""The pictures of what has states: a client's connection, a server's session, an item stream.

A state is a box, an arrow what leads from one to another, and which function does it; a test looks
for the functions in the package.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import Canvas

WIDTH = 700
BOX_WIDTH, BOX_HEIGHT = 150, 56
LEADING = 14

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class State:
    """A box.

    Attributes:
        name: What stands in it.
        meaning: One or two lines below that.
        x, y: Its middle.
        colour: Of its frame.
    """

    name: str
    meaning: tuple[str, ...]
    x: float
    y: float
    colour: str = "blue"


@dataclass(frozen=True, slots=True)
class Change:
    """An arrow.

    Attributes:
        points: Its way; the last part runs along an axis.
        words: What leads to it, line by line.
        x, y: Where the words begin, as `anchor` says.
        names: The functions that do it, as "module:function".
        anchor: Which end of the words is at *x*.
    """

    points: Points
    words: tuple[str, ...]
    x: float
    y: float
    names: tuple[str, ...] = ()
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture of states.

    Attributes:
        title: What has them.
        remark: What is to be known of all.
        height: In pixels.
        states: Its boxes.
        changes: Its arrows.
    """

    title: str
    remark: str
    height: float
    states: tuple[State, ...]
    changes: tuple[Change, ...]


CONNECTION = Diagram(
    "A connection, as the client sees it",
    "A proxy has one at a time. Any thread may call; their calls share it.",
    336,
    (
        State("none", ("no connection: the", "next call makes one"), 109, 150),
        State("connecting", ("TCP or Unix socket, TLS,", "handshake, metadata"), 360, 150),
        State("open", ("calls of all threads", "go out and come back"), 591, 150, "green"),
        State("retired", ("takes no new calls;", "those in flight go on"), 591, 274, "orange"),
    ),
    (
        Change(
            ((184, 140), (285, 140)), ("a call, or", "_pyroBind()"), 234, 118,
            ("client.binding:Binding.connect", "client.binding:Binding.bind"), "middle",
        ),
        Change(
            ((285, 164), (184, 164)), ("refused, or late:", "the caller gets the error"),
            234, 192, ("client.connecting:_read_answer",), "middle",
        ),
        Change(
            ((435, 150), (516, 150)), ("accepted",), 475, 142,
            ("client.binding:Binding._open_channel",), "middle",
        ),
        Change(
            ((591, 178), (591, 246)), ("a call takes too long, or a", "stock daemon will close"),
            583, 208, ("client.channel:Channel._leave", "client.channel:Channel.retire"), "end",
        ),
        Change(
            ((591, 122), (591, 92), (109, 92), (109, 122)),
            ("lost, bytes that are no reply, _pyroRelease(): calls in flight fail",), 350, 84,
            ("client.channel:Channel._fail", "client.channel:Channel.close"), "middle",
        ),
        Change(
            ((516, 274), (109, 274), (109, 178)),
            ("the last call in flight is done, or its connection is lost",), 312, 266,
            ("client.channel:Channel._pass_lead",), "middle",
        ),
    ),
)  # fmt: skip

SESSION = Diagram(
    "A session: a connection, as the server sees it",
    "Used by one thread at a time. Whatever a client does wrong is a reply, or ends its session.",
    330,
    (
        State("new", ("a connection that has", "said nothing yet"), 109, 130),
        State("open", ("waits for a message;", "parked, without a thread"), 350, 130, "green"),
        State("busy", ("a thread runs the call", "and sends the reply"), 591, 130, "orange"),
        State("finished", ("nothing more is read;", "hooks, streams, close"), 350, 268, "line"),
    ),
    (
        Change(
            ((184, 130), (275, 130)), ("handshake", "accepted"), 229, 108,
            ("server.session:Session._answer_connect", "server.session:Session._admit"), "middle",
        ),
        Change(
            ((425, 120), (516, 120)), ("a message",), 470, 112,
            ("server.session:Session.process",), "middle",
        ),
        Change(
            ((516, 142), (425, 142)), ("answered",), 470, 158,
            ("server.session:Session._reply",), "middle",
        ),
        Change(
            ((109, 158), (109, 268), (275, 268)),
            ("refused, with the reason;", "no handshake in time;", "no Pyro at all"), 117, 190,
            ("server.session:Session._refuse_connect", "server.session:Session.expire"),
        ),
        Change(
            ((350, 158), (350, 240)),
            ("the client ends it, or sends", "what is no message, or is",
             "idle beyond COMMTIMEOUT"),
            358, 190,
            ("server.inbox:Inbox.receive_available", "server.session:Session.expire"),
        ),
        Change(
            ((591, 158), (591, 268), (425, 268)),
            ("daemon closes,", "reply not read"), 599, 190,
            ("server.session:Session.end",),
        ),
    ),
)  # fmt: skip

STREAM = Diagram(
    "An item stream: an iterator that the daemon keeps",
    "However it ends, the iterator's close() is called once, and never while it makes an item.",
    320,
    (
        State("owned", ("by the connection that", "fetched last"), 230, 140, "green"),
        State("lingering", ("its connection has", "ended"), 560, 140, "orange"),
        State("ended", ("the iterator is closed,", "the id is forgotten"), 395, 266, "line"),
    ),
    (
        Change(
            ((24, 140), (155, 140)), ("a method returns", "an iterator"), 30, 118,
            ("objects.streams:StreamTable.open",),
        ),
        Change(
            ((200, 112), (200, 88), (260, 88), (260, 112)), ("items are fetched",), 270, 92,
            ("objects.streams:StreamTable.get_items",),
        ),
        Change(
            ((305, 130), (485, 130)), ("the connection ends",), 395, 122,
            ("objects.streams:StreamTable.release",), "middle",
        ),
        Change(
            ((485, 152), (305, 152)), ("a fetch on a new one",), 395, 168,
            ("objects.streams:StreamTable._claim",), "middle",
        ),
        Change(
            ((230, 168), (230, 266), (320, 266)),
            ("its last item, or an exception;", "the client closes it;", "ITER_STREAM_LIFETIME"),
            222, 206, ("objects.streams:StreamTable.close",), "end",
        ),
        Change(
            ((560, 168), (560, 266), (470, 266)),
            ("ITER_STREAM_LINGER is", "over; too many linger"), 552, 206,
            ("objects.streams:StreamTable.expire", "objects.streams:StreamTable._find_surplus"),
            "end",
        ),
    ),
)  # fmt: skip


def draw(diagram: Diagram) -> str:
    """Return the picture of *diagram*."""
    canvas = Canvas(diagram.title, WIDTH)
    canvas.words(24, 30, diagram.title, "title")
    canvas.words(24, 47, diagram.remark, "faint")
    for change in diagram.changes:
        canvas.arrow(change.points)
    for state in diagram.states:
        _draw_state(canvas, state)
    for change in diagram.changes:
        for index, line in enumerate(change.words):
            canvas.words(
                change.x, change.y + LEADING * index, line, "faint halo", anchor=change.anchor
            )
    return canvas.render(diagram.height)


def _draw_state(canvas: Canvas, state: State) -> None:
    fill = "plain" if state.colour == "line" else f"{state.colour}-tint"
    left, top = state.x - BOX_WIDTH / 2, state.y - BOX_HEIGHT / 2
    canvas.box(left, top, BOX_WIDTH, BOX_HEIGHT, fill=fill, stroke=state.colour, radius=12)
    canvas.words(state.x, top + 18, state.name, "strong", anchor="middle")
    for index, line in enumerate(state.meaning):
        canvas.words(state.x, top + 33 + 13 * index, line, "faint", anchor="middle")
