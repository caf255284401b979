"""The callee's half of a call: prepare, run, finish; and that whatever happens becomes a reply."""

import logging
import marshal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pyrolike.errors import (
    CommunicationError,
    MessageTooLargeError,
    ProtocolError,
    PyroError,
    SecurityError,
)
from pyrolike.objects import (
    CallPolicy,
    Dispatcher,
    Interrupted,
    ObjectTable,
    StreamTable,
    behavior,
    dispatch,
)
from pyrolike.objects.dispatch import CLOSING_ERRORS, KEEP_OPEN
from pyrolike.objects.exposure import callback, expose, oneway
from pyrolike.objects.streams import MOST_ITEMS
from pyrolike.protocol import Flag, Message, MessageType
from pyrolike.serializers import ExceptionWrapper, SerializedBlob, get_serializer

SERPENT = get_serializer("serpent")


class Client:
    """A connection, as far as calls look at it."""

    def __init__(self) -> None:
        self.pyroInstances: dict[type, object] = {}

    def is_gone(self) -> bool:
        return False


class Calc:
    """An object as programs write them, with something of everything."""

    def __init__(self) -> None:
        self._size = 7
        self.blob: Any = None
        self.iterator: Any = None

    @expose
    def add(self, a: Any, b: Any = 100) -> Any:
        return a + b

    @expose
    def nothing(self) -> None: ...

    def hidden(self) -> None:
        raise AssertionError("not exposed, yet called")

    @expose
    def fail(self, message: str = "failed") -> None:
        raise ValueError(message)

    @expose
    def leave(self, kind: str) -> None:
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt, "generator": GeneratorExit}[
            kind
        ]("gone")

    @expose
    def be_interrupted(self) -> None:
        raise Interrupted("told to end")

    @callback
    @expose
    def fail_loudly(self) -> None:
        raise ValueError("loud")

    @expose
    def fail_strangely(self) -> None:
        raise StrangeError(object())

    @expose
    def fail_closed(self) -> None:
        raise ClosedError("no room for attributes")

    @expose
    def count(self, end: int) -> Iterator[int]:
        yield from range(end)

    @expose
    def iterate(self) -> Iterator[int]:
        iterator: Iterator[int] = self.iterator
        return iterator

    @expose
    def unsendable(self) -> Any:
        return threading.Lock()

    @expose
    def take(self, blob: Any) -> str:
        self.blob = blob
        return "taken"

    @oneway
    @expose
    def fire(self) -> str:
        return "fired"

    @property
    @expose
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, value: int) -> None:
        self._size = value

    @property
    @expose
    def sizes(self) -> Iterator[int]:
        return iter([1, 2])

    @property
    @expose
    def broken(self) -> int:
        raise ValueError("broken property")

    @property
    def hidden_size(self) -> int:
        return 13

    @hidden_size.setter
    def hidden_size(self, value: int) -> None:
        self._size = value


class StrangeError(Exception):
    """Does not serialize: it holds what cannot be sent."""


class ClosedError(Exception):
    """Takes no attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class House:
    """A dispatcher with an object, a client, and a way to make calls."""

    def __init__(self, policy: CallPolicy | None = None) -> None:
        self.table = ObjectTable()
        self.streams = StreamTable(lambda: 0.0)
        self.reported: list[tuple[Any, ...]] = []
        self.dispatcher = Dispatcher(
            self.table, self.streams, lambda *report: self.reported.append(report)
        )
        if policy is not None:
            self.dispatcher.policy = policy
        self.client = Client()
        self.calc = Calc()
        self.add(self.calc, "calc")

    def add(self, target: object, object_id: str) -> None:
        self.table.add(target, object_id, None, force=False, weak=False)

    def send(self, message: Message, codec: Any = SERPENT) -> tuple[int, Any, Any]:
        """Return flags, value and annotations of the reply."""
        flags, payload, annotations = self.dispatcher.answer(self.client, codec, message)
        return flags, codec.loads(payload), annotations

    def call(self, name: Any, *vargs: Any, object_id: Any = "calc", **kwargs: Any) -> Any:
        """Make a call and return its result, or the exception that came back."""
        flags, value, annotations = self.send(call(name, *vargs, object_id=object_id, **kwargs))
        assert annotations == (KEEP_OPEN if isinstance(value, CLOSING_ERRORS) else None)
        assert flags == (Flag.EXCEPTION if isinstance(value, BaseException) else 0)
        return value

    def batch(self, *calls: Any) -> tuple[int, Any]:
        payload = SERPENT.dumpsCall("calc", "<batch>", list(calls), None)
        flags, value, annotations = self.send(request(payload, Flag.BATCH))
        assert annotations == (KEEP_OPEN if isinstance(value, CLOSING_ERRORS) else None)
        return flags, value


def request(payload: Any, flags: int = 0, annotations: Any = None, number: int = 1) -> Message:
    return Message(MessageType.INVOKE, number, flags, 1, payload, annotations)


def call(name: Any, *vargs: Any, object_id: Any = "calc", **kwargs: Any) -> Message:
    return request(SERPENT.dumpsCall(object_id, name, vargs, kwargs))


@pytest.fixture
def house() -> House:
    return House()


def lines_of(error: BaseException) -> str:
    """Return the traceback that came with an exception."""
    return "".join(error._pyroTraceback)  # type: ignore[attr-defined]  # every reply has it


# -- usual calls


def test_a_call_is_answered_with_its_result(house: House) -> None:
    assert house.call("add", 3, 4) == 7
    assert house.call("add", 3) == 103
    assert house.call("add", 3, b=5) == 8
    assert house.call("nothing") is None
    assert house.reported == []


@pytest.mark.parametrize("name", ["serpent", "json", "marshal", "msgpack"])
def test_every_serializer_is_answered_in_its_own_words(house: House, name: str) -> None:
    codec = get_serializer(name)
    message = request(codec.dumpsCall("calc", "add", [3, 4], {}))
    assert house.send(message, codec) == (0, 7, None)
    message = request(codec.dumpsCall("calc", "fail", [], {}))
    flags, error, _ = house.send(message, codec)
    assert flags == Flag.EXCEPTION
    assert isinstance(error, ValueError)


def test_the_three_steps_can_be_taken_one_by_one(house: House) -> None:
    prepared = house.dispatcher.prepare(house.client, SERPENT, call("add", 3, 4))
    name, method, vargs, kwargs = prepared
    assert (name, method, list(vargs), kwargs or {}) == ("add", house.calc.add, [3, 4], {})
    result = house.dispatcher.run(house.client, prepared)
    assert result == 7
    assert house.dispatcher.finish(house.client, SERPENT, result) == (0, SERPENT.dumps(7), None)


def test_an_exception_of_a_method_comes_back_with_its_traceback(house: House) -> None:
    error = house.call("fail", "text")
    assert isinstance(error, ValueError)
    assert error.args == ("text",)
    assert "in fail" in lines_of(error)


def test_a_traceback_begins_in_the_program(house: House) -> None:
    assert dispatch.__file__ not in lines_of(house.call("fail"))


def test_a_traceback_of_an_error_of_our_own_is_whole(house: House) -> None:
    assert dispatch.__file__ in lines_of(house.call("nobody"))


def test_an_error_of_a_method_is_reported_before_it_is_answered(house: House) -> None:
    house.call("fail", message="text")
    ((client, method, vargs, kwargs, fault),) = house.reported
    assert client is house.client
    assert method == house.calc.fail
    assert (list(vargs), kwargs) == ([], {"message": "text"})
    assert isinstance(fault, ValueError)


def test_wrong_arguments_are_a_type_error(house: House) -> None:
    assert isinstance(house.call("add"), TypeError)
    assert isinstance(house.call("add", 1, 2, 3), TypeError)
    assert isinstance(house.call("add", 1, c=2), TypeError)


@pytest.mark.parametrize("kind", ["exit", "interrupt", "generator"])
def test_what_would_end_a_thread_is_an_answer_like_any_other(house: House, kind: str) -> None:
    error = house.call("leave", kind)
    assert type(error) is PyroError
    assert "gone" in str(error)
    assert "in leave" in lines_of(error)
    assert len(house.reported) == 1


def test_who_calls_what_is_interrupted_learns_why_and_hangs_up(house: House) -> None:
    flags, error, annotations = house.send(call("be_interrupted"))
    assert (flags, annotations) == (Flag.EXCEPTION, None)  # and nothing about staying open
    assert type(error) is CommunicationError
    assert str(error) == "told to end"


def test_a_failure_is_counted_once_whatever_fails(house: House) -> None:
    failures: list[int] = []
    house.dispatcher = Dispatcher(
        house.table, house.streams, lambda *told: None, lambda: failures.append(1)
    )
    house.call("add", 3, 4)
    house.batch(("add", (1, 2), {}))
    assert failures == []
    for number, name in enumerate(["fail", "nobody", "unsendable"], 1):
        house.call(name)
        assert len(failures) == number
    house.batch(("add", (1, 2), {}), ("fail", (), {}), ("fail", (), {}))
    house.batch(("nobody", (), {}))
    assert len(failures) == 5


def test_a_callback_that_fails_is_logged_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pyrolike.server"):
        assert isinstance(house.call("fail_loudly"), ValueError)
    assert "callback fail_loudly" in caplog.text


# -- what cannot be called


@pytest.mark.parametrize(
    "name", ["nobody", "hidden", "_size", "__init__", "__class__", "add.__self__", "size", ""]
)
def test_what_is_not_offered_is_an_attribute_error(house: House, name: str) -> None:
    assert isinstance(house.call(name), AttributeError)
    assert house.reported == []


@pytest.mark.parametrize("name", [5, None, ["add"], ("add",), {"add": 1}])
def test_a_name_that_is_no_text_is_an_error(house: House, name: Any) -> None:
    assert isinstance(house.call(name), Exception)


@pytest.mark.parametrize("object_id", ["nobody", "", 5, None])
def test_an_unknown_object_is_a_daemon_error(house: House, object_id: Any) -> None:
    error = house.call("add", object_id=object_id)
    assert (type(error).__name__, error.args) == ("DaemonError", ("unknown object",))


def test_an_object_id_that_cannot_be_looked_up_is_an_error(house: House) -> None:
    assert isinstance(house.call("add", object_id=["calc"]), Exception)


@pytest.mark.parametrize("payload", [b"", b"rubbish", b"# serpent utf-8 python3.2\n(1,2)"])
def test_a_payload_that_cannot_be_read_is_an_error(house: House, payload: bytes) -> None:
    flags, error, _ = house.send(request(payload))
    assert flags == Flag.EXCEPTION
    assert isinstance(error, Exception)


def test_without_exposure_required_everything_that_is_not_private_can_be_called() -> None:
    house = House(CallPolicy(require_expose=False))
    assert isinstance(house.call("hidden"), AssertionError)
    assert isinstance(house.call("_size"), AttributeError)
    assert house.call("__getattr__", "hidden_size") == 13


# -- attributes


def test_properties_are_read_and_set(house: House) -> None:
    assert house.call("__getattr__", "size") == 7
    assert house.call("__setattr__", "size", 8) is None
    assert house.call("__getattr__", "size") == 8


def test_attributes_need_no_keyword_arguments_on_the_wire(house: House) -> None:
    payload = SERPENT.dumpsCall("calc", "__getattr__", ("size",), None)
    assert house.send(request(payload)) == (0, 7, None)


@pytest.mark.parametrize("name", ["hidden_size", "_size", "blob", "add", "nobody", "__class__"])
def test_only_exposed_properties_are_reached(house: House, name: str) -> None:
    assert isinstance(house.call("__getattr__", name), AttributeError)
    assert isinstance(house.call("__setattr__", name, 5), AttributeError)
    assert house.calc._size == 7


@pytest.mark.parametrize("name", ["hidden_size", "blob"])
def test_no_argument_of_a_caller_takes_the_place_of_the_settings(house: House, name: str) -> None:
    assert isinstance(house.call("__getattr__", name, require_expose=False), Exception)
    assert isinstance(house.call("__getattr__", name, False), Exception)
    assert isinstance(house.call("__setattr__", name, 5, require_expose=False), Exception)
    assert isinstance(house.call("__setattr__", name, 5, False), Exception)
    assert house.calc._size == 7


def test_an_error_of_a_property_is_answered_and_not_reported(house: House) -> None:
    error = house.call("__getattr__", "broken")
    assert isinstance(error, ValueError)
    assert house.reported == []


# -- instances


def test_an_instance_of_a_class_is_made_for_the_session(house: House) -> None:
    made = []

    class Counter:
        def __init__(self) -> None:
            made.append(self)

        @expose
        def number(self) -> int:
            return len(made)

    house.add(Counter, "counter")
    assert [house.call("number", object_id="counter") for _ in range(2)] == [1, 1]
    house.client = Client()
    assert house.call("number", object_id="counter") == 2


def test_a_batch_has_one_instance_where_each_call_has_its_own(house: House) -> None:
    @behavior("percall")
    class Counter:
        def __init__(self) -> None:
            self._count = 0

        @expose
        def count(self) -> int:
            self._count += 1
            return self._count

    house.table.remove("calc")
    house.add(Counter, "calc")
    assert [house.call("count"), house.call("count")] == [1, 1]
    assert house.batch(("count", (), {}), ("count", (), {})) == (Flag.BATCH, [1, 2])


def test_an_instance_that_cannot_be_made_is_an_error_and_not_reported(house: House) -> None:
    class Broken:
        def __init__(self) -> None:
            raise ZeroDivisionError

        @expose
        def call(self) -> None: ...

    house.add(Broken, "broken")
    assert isinstance(house.call("call", object_id="broken"), ZeroDivisionError)
    assert house.reported == []


# -- batches


def test_a_batch_is_answered_with_its_results_in_order(house: House) -> None:
    calls: list[Any] = [("add", (1, 2), {}), ("add", (1,), {"b": 5}), ("nothing", (), {})]
    assert house.batch(*calls) == (Flag.BATCH, [3, 6, None])
    assert house.batch() == (Flag.BATCH, [])


def test_the_first_call_that_fails_ends_a_batch(house: House) -> None:
    flags, results = house.batch(("add", (1, 2), {}), ("fail", (), {}), ("take", (5,), {}))
    assert flags == Flag.BATCH
    assert results[0] == 3
    assert isinstance(results[1], ExceptionWrapper)
    with pytest.raises(ValueError, match="failed"):
        results[1].raiseIt()
    assert len(results) == 2
    assert house.calc.blob is None
    assert len(house.reported) == 1


def test_what_would_end_a_thread_ends_a_batch_only(house: House) -> None:
    _, (wrapper,) = house.batch(("leave", ("exit",), {}), ("take", (5,), {}))
    with pytest.raises(PyroError, match="SystemExit"):
        wrapper.raiseIt()


@pytest.mark.parametrize(
    "name", ["hidden", "nobody", "_size", "__getattr__", "__setattr__", "<batch>"]
)
def test_a_name_that_is_not_offered_aborts_the_whole_batch(house: House, name: str) -> None:
    flags, error = house.batch(("take", (5,), {}), (name, ("size",), {}))
    assert flags == Flag.EXCEPTION
    assert isinstance(error, AttributeError)
    assert house.calc.blob == 5


def test_iterators_are_not_streamed_in_a_batch(house: House) -> None:
    flags, error = house.batch(("count", (3,), {}))
    assert flags == Flag.EXCEPTION
    assert isinstance(error, Exception)
    assert len(house.streams) == 0


def test_an_exception_that_cannot_be_sent_spoils_a_batch_with_an_answer(house: House) -> None:
    flags, error = house.batch(("fail_strangely", (), {}))
    assert isinstance(error, Exception)
    assert flags == Flag.EXCEPTION


@pytest.mark.parametrize("calls", [5, "text", [5], [("add",)], [("add", 1, 2, 3)], [["add", 5, 6]]])
def test_a_malformed_batch_is_an_error(house: House, calls: Any) -> None:
    payload = SERPENT.dumps(("calc", "<batch>", calls, None))
    flags, value, _ = house.send(request(payload, Flag.BATCH))
    assert flags == Flag.EXCEPTION or isinstance(value[-1], ExceptionWrapper)


# -- streams


def stream_of(house: House, name: str, *vargs: Any) -> tuple[int, Any, Any]:
    return house.send(call(name, *vargs))


def test_an_iterator_becomes_a_stream(house: House) -> None:
    flags, value, annotations = stream_of(house, "count", 2)
    assert flags == Flag.EXCEPTION | Flag.ITEMSTREAMRESULT
    assert type(value) is ProtocolError
    assert value.args == ("result of call is an iterator",)
    assert value._pyroTraceback is None  # type: ignore[attr-defined]  # as on the wire
    stream_id = annotations["STRM"].decode("ascii")
    assert uuid.UUID(stream_id).version == 4
    assert house.streams.as_dict()[stream_id][0] is house.client
    # Behind the id, what our clients need to know: they may count, and ask for several.
    most, token = annotations["STRW"].split()
    assert most == str(MOST_ITEMS).encode("ascii")
    assert token.decode() == house.streams.get_token(stream_id)
    assert house.streams.get_items(stream_id, house.client, 0, 9) == [0, 1]


class Watched:
    """An iterator that knows whether it was closed, and may not like it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self._error = error

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return 1

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def test_a_client_with_too_many_streams_gets_an_error_and_no_stream() -> None:
    house = House(CallPolicy(stream_limit=2))
    for _ in range(2):
        assert "STRM" in stream_of(house, "count", 2)[2]
    house.calc.iterator = Watched()
    error = house.call("iterate")
    assert type(error) is PyroError
    assert "ITER_STREAM_LIMIT" in str(error)
    assert house.calc.iterator.closed == 1
    assert len(house.streams) == 2
    house.client = Client()  # another one has room
    assert "STRM" in stream_of(house, "iterate")[2]


def test_an_iterator_of_a_property_becomes_a_stream_too(house: House) -> None:
    flags, _, annotations = stream_of(house, "__getattr__", "sizes")
    assert flags & Flag.ITEMSTREAMRESULT
    assert "STRM" in annotations


def test_where_streaming_is_off_there_is_no_stream() -> None:
    house = House(CallPolicy(streaming=False))
    flags, value, annotations = stream_of(house, "count", 2)
    assert flags == Flag.EXCEPTION | Flag.ITEMSTREAMRESULT
    assert type(value) is ProtocolError
    assert str(value).startswith("result of call is an iterator, and ")  # Pyro's words first
    assert "ITER_STREAMING" in str(value)
    assert "return a list" in str(value)
    assert value._pyroTraceback is None  # type: ignore[attr-defined]  # as on the wire
    assert annotations is None
    assert len(house.streams) == 0


@pytest.mark.parametrize("error", [None, ValueError("sticky")])
def test_where_streaming_is_off_the_iterator_is_closed(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(CallPolicy(streaming=False))
    house.calc.iterator = Watched(error)
    _, value, _ = stream_of(house, "iterate")
    assert "ITER_STREAMING" in str(value)
    assert house.calc.iterator.closed == 1
    assert ("failed to close" in caplog.text) == (error is not None)


# -- blobs


def blob_message(info: Any, object_id: Any, name: Any, data: Any = (1, 2)) -> Message:
    payload = SERPENT.dumpsCall("first hop", "ignored", data, {})
    annotations = {"BLBI": memoryview(marshal.dumps((info, object_id, name)))}
    return request(payload, Flag.KEEPSERIALIZED, annotations)


def test_a_blob_is_handed_over_unopened(house: House) -> None:
    message = blob_message("info", "calc", "take")
    assert house.send(message) == (0, "taken", None)
    blob = house.calc.blob
    assert isinstance(blob, SerializedBlob)
    assert blob.info == "info"
    assert blob.message is message
    assert list(blob.deserialized()) == [1, 2]


def test_a_blob_that_is_for_nobody_is_an_error(house: House) -> None:
    flags, error, _ = house.send(blob_message("info", "nobody", "take"))
    assert (flags, error.args) == (Flag.EXCEPTION, ("unknown object",))


@pytest.mark.parametrize("annotations", [None, {}, {"XXXX": b""}])
def test_a_blob_without_its_annotation_is_a_key_error(house: House, annotations: Any) -> None:
    message = request(b"whatever", Flag.KEEPSERIALIZED, annotations)
    assert isinstance(house.send(message)[1], KeyError)


@pytest.mark.parametrize("info", [b"", b"\xff", marshal.dumps((1, 2)), marshal.dumps("text")])
def test_a_blob_whose_annotation_is_malformed_is_an_error(house: House, info: bytes) -> None:
    message = request(b"whatever", Flag.KEEPSERIALIZED, {"BLBI": memoryview(info)})
    flags, error, _ = house.send(message)
    assert flags == Flag.EXCEPTION
    assert isinstance(error, Exception)


# -- results that cannot be sent


def test_a_result_that_cannot_be_sent_is_an_error_that_names_its_class(house: House) -> None:
    assert "lock" in str(house.call("unsendable"))


def test_a_result_beyond_the_limit_is_an_error_with_both_numbers() -> None:
    house = House(CallPolicy(max_size=100))
    error = house.call("add", "x" * 50, "y" * 60)
    assert isinstance(error, MessageTooLargeError)
    assert error.limit == 100
    assert error.announced is not None
    assert error.announced > 100
    assert house.call("add", 3, 4) == 7


def test_a_batch_result_beyond_the_limit_is_an_error_too() -> None:
    house = House(CallPolicy(max_size=100))
    flags, error = house.batch(("add", ("x" * 200, ""), {}))
    assert flags == Flag.EXCEPTION
    assert isinstance(error, MessageTooLargeError)


def test_an_exception_that_cannot_be_sent_is_described(house: House) -> None:
    error = house.call("fail_strangely")
    assert type(error) is PyroError
    assert "error serializing exception" in str(error)
    assert "StrangeError" in str(error)
    assert "in fail_strangely" in lines_of(error)


def test_an_exception_that_takes_no_attributes_is_answered(house: House) -> None:
    flags, payload, _ = house.dispatcher.answer(house.client, SERPENT, call("fail_closed"))
    assert flags == Flag.EXCEPTION
    assert b"no room for attributes" in payload


class MuteError(Exception):
    """Raises when it is asked for its text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class MuteExit(SystemExit):
    """Raises when it is asked for its text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("mute", [MuteError(object()), MuteExit(1)], ids=["error", "exit"])
def test_an_exception_without_a_text_is_answered_all_the_same(
    house: House, mute: BaseException
) -> None:
    class Mute:
        @expose
        def fail(self) -> None:
            raise mute

    house.add(Mute(), "mute")
    assert isinstance(house.call("fail", object_id="mute"), PyroError)


# -- tracebacks


def test_tracebacks_can_be_kept_from_clients() -> None:
    error = House(CallPolicy(send_tracebacks=False)).call("fail")
    assert error.args == ("failed",)
    assert list(error._pyroTraceback) == []


def test_detailed_tracebacks_show_the_variables_of_the_method_that_failed() -> None:
    detailed = House(CallPolicy(detailed_tracebacks=True))
    assert "message = 'a value'" in lines_of(detailed.call("fail", "a value"))
    assert "message = 'a value'" not in lines_of(House().call("fail", "a value"))


def test_the_traceback_of_a_third_process_is_passed_on(house: House) -> None:
    class Between:
        @expose
        def fail(self) -> None:
            error = ValueError("from afar")
            error._pyroTraceback = ["far line\n"]  # type: ignore[attr-defined]  # Pyro's name
            raise error

    house.add(Between(), "between")
    lines = lines_of(house.call("fail", object_id="between"))
    assert "far line" in lines
    assert "in fail" in lines


def test_an_exception_that_is_raised_again_and_again_does_not_grow_beyond_measure(
    house: House,
) -> None:
    # A future that failed, for example, raises the same object each time it is asked.
    same = ValueError("always the same")

    class Stubborn:
        @expose
        def fail(self) -> None:
            raise same

    house.add(Stubborn(), "stubborn")
    message = call("fail", object_id="stubborn")
    sizes = [len(house.dispatcher.answer(house.client, SERPENT, message)[1]) for _ in range(12)]
    assert sizes[-1] < 12 * sizes[1]


class Pausing:
    """A serializer that is at work as long as the test wants."""

    def __init__(self) -> None:
        self.is_at_work = threading.Event()
        self.may_end = threading.Event()

    def dumps(self, data: Any) -> bytes:
        self.is_at_work.set()
        assert self.may_end.wait(20)
        return SERPENT.dumps(data)


def test_an_exception_that_two_threads_raise_at_once_is_left_as_it_was(house: House) -> None:
    same = ValueError("shared, as that of a future that failed")
    first, second = Pausing(), Pausing()
    threads = []
    for codec in first, second:
        threads.append(threading.Thread(target=house.dispatcher.fail, args=(codec, same)))
        threads[-1].start()
        assert codec.is_at_work.wait(20)
    for codec, thread in zip((first, second), threads, strict=True):
        codec.may_end.set()
        thread.join(20)
    assert not hasattr(same, "_pyroTraceback")


# -- threads


def test_many_threads_use_one_dispatcher_while_the_policy_changes(house: House) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(5)

    def work() -> None:
        try:
            start.wait(20)
            for number in range(100):
                assert house.call("add", number, 1) == number + 1
        except BaseException as failure:  # noqa: BLE001  # shown in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait(20)
    for number in range(100):
        house.dispatcher.policy = replace(house.dispatcher.policy, max_size=1000 + number)
    for thread in threads:
        thread.join(20)
    assert not failures


# -- permissions, and who may see tracebacks


def ask(house: House, *refused: tuple[str, str]) -> list[tuple[Any, ...]]:
    """Let the house ask for permission; return the list of what it has asked for."""
    asked: list[tuple[Any, ...]] = []

    def permit(client: Any, object_id: str, member: str, access: str) -> None:
        asked.append((client, object_id, member, access))
        if (member, access) in refused:
            raise SecurityError(f"no {access} of {member}")

    house.dispatcher._permit = permit
    return asked


def test_each_way_to_a_member_is_asked_for_before_anything_is_made(house: House) -> None:
    asked = ask(house)
    assert house.call("add", 1, 2) == 3
    house.call("__getattr__", "size")
    house.call("__setattr__", "size", 5)
    house.batch(("add", (1, 2), {}), ("nothing", (), {}))
    house.call("add", object_id="missing")
    assert [tuple(question[1:]) for question in asked] == [
        ("calc", "add", "call"),
        ("calc", "size", "read"),
        ("calc", "size", "write"),
        ("calc", "add", "call"),
        ("calc", "nothing", "call"),
        ("missing", "add", "call"),
    ]
    assert {question[0] for question in asked} == {house.client}


def test_what_is_refused_is_not_done(house: House) -> None:
    ask(house, ("add", "call"), ("size", "write"))
    assert str(house.call("add", 1, 2)) == "no call of add"
    assert str(house.call("__setattr__", "size", 5)) == "no write of size"
    assert house.call("__getattr__", "size") == 7
    flags, answer = house.batch(("nothing", (), {}), ("add", (1, 2), {}))
    assert flags == Flag.EXCEPTION
    assert str(answer) == "no call of add"


@pytest.mark.parametrize("name", ["__getattr__", "__setattr__", None, 5])
def test_what_names_nothing_is_not_asked_for(house: House, name: Any) -> None:
    asked = ask(house)
    assert isinstance(house.call(name), Exception)
    assert asked == []


@pytest.mark.parametrize(
    ("is_known", "send", "expected"),
    [
        (True, "known", True),
        (False, "known", False),
        (True, False, False),
        (False, True, True),
    ],
)
def test_tracebacks_go_to_whom_the_policy_means(
    house: House, is_known: bool, send: Any, expected: bool
) -> None:
    house.dispatcher._is_known = lambda: is_known
    house.dispatcher.policy = replace(house.dispatcher.policy, send_tracebacks=send)
    assert bool(lines_of(house.call("add", 1, "2"))) is expected
