"""The caller's half of a call: blobs are packed, remote exceptions are raised."""

import contextlib
import gc
import marshal
import traceback
import weakref

import pytest

from pyrolike.errors import ProtocolError, RemoteError
from pyrolike.objects.calls import BATCH, GET_ATTRIBUTE, SET_ATTRIBUTE, pack_blob, raise_remote
from pyrolike.protocol import Message, MessageType
from pyrolike.serializers import SerializedBlob, get_serializer

SERPENT, JSON = get_serializer("serpent"), get_serializer("json")


def test_the_names_that_are_no_methods_are_pyros() -> None:
    assert (GET_ATTRIBUTE, SET_ATTRIBUTE, BATCH) == ("__getattr__", "__setattr__", "<batch>")


# -- blobs


def test_a_new_blob_is_packed_as_the_arguments_of_the_call() -> None:
    blob = SerializedBlob("info", [1, "two"])
    number, payload, annotations = pack_blob(SERPENT, 1, "calc", "add", blob)
    assert number == 1
    object_id, method, vargs, kwargs = SERPENT.loadsCall(payload)
    assert (object_id, method, list(vargs), kwargs) == ("calc", "add", [1, "two"], {})
    assert {name: marshal.loads(value) for name, value in annotations.items()} == {
        "BLBI": ("info", "calc", "add")
    }


def test_a_received_blob_is_passed_on_unopened_and_readdressed() -> None:
    payload = b"nobody opens this"
    message = Message(MessageType.INVOKE, 3, 0, 7, payload)
    blob = SerializedBlob("info", message, is_blob=True)
    number, packed, annotations = pack_blob(SERPENT, 1, "next", "hop", blob)
    assert number == 3  # the number of the one who wrote it, not of the one who passes it on
    assert packed is payload
    assert marshal.loads(annotations["BLBI"]) == ("info", "next", "hop")


# -- remote exceptions


def raised(exception: object) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # which one is the question
        raise_remote(exception)
    return caught.value


def test_an_exception_is_raised_with_its_remote_traceback_as_a_note() -> None:
    error = ValueError("remote")
    error._pyroTraceback = ["first line\n", "second line\n"]  # type: ignore[attr-defined]
    assert raised(error) is error
    text = "".join(traceback.format_exception(error))
    assert " | first line" in text
    assert " | second line" in text
    assert "Remote traceback" in text


def test_lines_that_are_no_text_are_shown_all_the_same() -> None:
    error = ValueError("remote")
    error._pyroTraceback = (1, None)  # type: ignore[attr-defined]
    assert " | None" in "".join(traceback.format_exception(raised(error)))


@pytest.mark.parametrize("lines", [None, [], (), "text", 5, {"a": 1}])
def test_without_a_remote_traceback_there_is_no_note(lines: object) -> None:
    error = ValueError("remote")
    error._pyroTraceback = lines  # type: ignore[attr-defined]
    assert not hasattr(raised(error), "__notes__")


def test_an_exception_that_says_nothing_of_a_traceback_is_raised() -> None:
    assert isinstance(raised(KeyError("key")), KeyError)


@pytest.mark.parametrize("value", [None, 5, "text", {}, ValueError])
def test_what_is_no_exception_breaks_the_protocol(value: object) -> None:
    assert isinstance(raised(value), ProtocolError)


@pytest.mark.parametrize("cls", [GeneratorExit, SystemExit, KeyboardInterrupt])
def test_what_would_end_the_program_is_raised_as_an_error(cls: type[BaseException]) -> None:
    error = cls("bye")
    error._pyroTraceback = ["the remote line\n"]  # type: ignore[attr-defined]
    told = raised(error)
    assert isinstance(told, RemoteError)
    assert f"{cls.__name__}('bye')" in str(told)
    assert " | the remote line" in "".join(traceback.format_exception(told))


def test_a_raised_exception_keeps_nothing_of_the_call_alive() -> None:
    class Caller:
        """Stands for the proxy in whose method it is raised."""

        def call(self) -> None:
            raise_remote(ValueError("remote"))

    caller = Caller()
    gone = weakref.ref(caller)
    gc.disable()  # what is in no cycle goes at once
    try:
        with contextlib.suppress(ValueError):
            caller.call()
        del caller
        assert gone() is None
    finally:
        gc.enable()
