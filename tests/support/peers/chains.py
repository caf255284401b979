"""Remote objects that stand between others: they relay calls, blobs, contexts and callbacks."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import threading
import uuid
from typing import Any

from tests.support.peers.library import api
from tests.support.peers.objects import PATIENCE


class Notes:
    """Words that one thread writes down and another waits for, each under a key of its own."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._notes: dict[str, Any] = {}

    def write(self, key: str, note: Any) -> None:
        with self._changed:
            self._notes[key] = note
            self._changed.notify_all()

    def take(self, key: str) -> Any:
        """Wait for a note, return it and forget it."""
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._notes, PATIENCE):
                raise RuntimeError(f"nobody wrote {key}")
            return self._notes.pop(key)


def make_key() -> str:
    """Return a key that nobody else uses."""
    return uuid.uuid4().hex


class _Neighbour:
    """Knows how to reach the other objects of its daemon."""

    _pyroDaemon: Any  # the daemon puts it there

    def _proxy(self, object_id: str, serializer: str | None = None) -> Any:
        proxy = api.Proxy(self._pyroDaemon.uriFor(object_id))
        proxy._pyroSerializer = serializer
        return proxy


@api.expose
class Relay(_Neighbour):
    """Calls other objects while it is called itself."""

    def __init__(self) -> None:
        self._notes = Notes()
        self._kept: Any = None

    # -- contexts

    def ask_next(self, method: str, serializer: str) -> Any:
        """Ask the witness, in the context of this call."""
        with self._proxy("witness", serializer) as witness:
            return witness._pyroInvoke(method, (), {})

    def ask_next_in_a_thread(self, method: str, serializer: str) -> Any:
        """Ask the witness from a thread of our own, to which the context is handed over."""
        context = api.current_context.to_global()
        answers: list[Any] = []

        def work() -> None:
            api.current_context.from_global(context)
            address = api.current_context.client_sock_addr
            answers.append([self.ask_next(method, serializer), address == client_address])

        client_address = api.current_context.client_sock_addr
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(PATIENCE)
        return answers[0]

    def thread_without_context(self) -> list[Any]:
        """Return what a thread sees to which nothing was handed over."""
        seen: list[Any] = []

        def work() -> None:
            context = api.current_context
            seen.extend([context.client is None, context.correlation_id, dict(context.annotations)])

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(PATIENCE)
        return seen

    @api.oneway
    def note_context(self, key: str, serializer: str) -> None:
        """Write down what a oneway call looks like from inside, and from the object behind it."""
        received = api.current_context.annotations
        annotations = {name: bytes(value).decode() for name, value in received.items()}
        own = str(api.current_context.correlation_id)
        self._notes.write(key, [annotations, own, self.ask_next("correlation_id", serializer)])

    def take_note(self, key: str) -> Any:
        return self._notes.take(key)

    # -- callbacks

    @api.oneway
    def call_back_later(self, callback: Any, word: str) -> None:
        callback._pyroClaimOwnership()  # a stock proxy belongs to the thread that unpacked it
        with callback:
            callback.hear(word)

    def call_back_and_tell(self, callback: Any, method: str) -> list[str]:
        """Return what kind of error a callback gives, and what it says to a word afterwards."""
        told = ["no error"]
        with callback:
            try:
                callback._pyroInvoke(method, (), {})
            except Exception as error:  # noqa: BLE001  # whatever it is, it is told
                told = [type(error).__name__, str(error)]
        with callback:  # again, because a stock daemon closes the connection after such an error
            return [*told, callback.hear("still there")]

    def call_and_return(self, callback: Any, method: str, *args: Any) -> Any:
        with callback:
            return callback._pyroInvoke(method, args, {})

    def keep(self, callback: Any) -> str:
        """Remember a callback, and use it for the first time."""
        self._kept = callback
        answer: str = callback.hear("kept")
        return answer

    def use_kept(self, word: str) -> Any:
        return self._kept.hear(word)

    def let_go(self) -> None:
        self._kept._pyroRelease()
        self._kept = None

    # -- errors from behind

    def fail_behind(self, serializer: str) -> None:
        """Call somebody who fails, and let that pass."""
        with self._proxy("calc", serializer) as calc:
            calc.div(1, 0)

    def fail_because_of_behind(self, serializer: str) -> None:
        """Call somebody who fails, and fail in another way because of it."""
        with self._proxy("calc", serializer) as calc:
            try:
                calc.div(1, 0)
            except ZeroDivisionError as error:
                raise LookupError("no quotient") from error


@api.expose
class Dispatcher(_Neighbour):
    """Passes blobs on without opening them."""

    def __init__(self, next_id: str) -> None:
        self._next_id = next_id
        self._notes = Notes()

    def pass_blob(self, blob: Any) -> Any:
        """Hand a blob to the next one; a stock dispatcher has to speak what the blob is in."""
        with self._proxy(self._next_id, blob.info["serializer"]) as neighbour:
            return neighbour.pass_blob(blob)

    def describe_blob(self, blob: Any) -> Any:
        with self._proxy(self._next_id, blob.info["serializer"]) as neighbour:
            return neighbour.describe_blob(blob)

    @api.oneway
    def note_blob(self, blob: Any) -> None:
        self._notes.write(blob.info["key"], list(blob.deserialized()))

    def take_note(self, key: str) -> Any:
        return self._notes.take(key)


@api.expose
class Opener:
    """The end of a blob's way."""

    def pass_blob(self, blob: Any) -> list[Any]:
        return [blob.info["word"], list(blob.deserialized())]

    def describe_blob(self, blob: Any) -> str:
        return repr(list(blob.deserialized()))

    def return_blob(self) -> Any:
        return api.SerializedBlob("a result", [1])

    def same(self, value: Any) -> Any:
        return value


class Resource:
    """Something that is closed when its client leaves, if it is tracked."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class Attendance:
    """Knows who has come and gone, and what they left behind."""

    def __init__(self) -> None:
        self._present: dict[Any, str] = {}
        self._left = Notes()
        self._resources: dict[str, list[Resource]] = {}
        self._calls: dict[str, int] = {}

    # -- told by the daemon

    def come(self, connection: Any, key: str) -> None:
        self._present[connection] = key

    def leave(self, connection: Any) -> None:
        key = self._present.pop(connection, None)
        if key is not None:
            self._left.write(key, len(connection.tracked_resources))

    # -- asked by clients

    @api.expose
    def is_present(self, key: str) -> bool:
        return key in self._present.values()

    @api.expose
    def wait_left(self, key: str) -> Any:
        """Wait until a client has left; return how many resources were tracked for it then."""
        return self._left.take(key)

    @api.expose
    def track(self, key: str) -> None:
        """Make two resources, and have one of them closed when the client leaves."""
        tracked, untracked = self._resources[key] = [Resource(), Resource()]
        for resource in (tracked, untracked):
            api.current_context.track_resource(resource)
        api.current_context.untrack_resource(untracked)

    @api.expose
    def are_open(self, key: str) -> list[bool]:
        return [not resource.closed.is_set() for resource in self._resources[key]]

    @api.expose
    def wait_closed(self, key: str) -> list[bool]:
        """Wait until the tracked one is closed; say of both whether they are."""
        resources = self._resources.pop(key)
        resources[0].closed.wait(PATIENCE)
        return [resource.closed.is_set() for resource in resources]

    @api.expose
    def hang_up(self, key: str, times: int) -> int:
        """Cut the caller off the first few times; return which time it was that was answered."""
        count = self._calls[key] = self._calls.get(key, 0) + 1
        if count <= times:
            api.current_context.client.close()
        return count


attendance = Attendance()
"""The one the daemon tells; it is served as well."""
