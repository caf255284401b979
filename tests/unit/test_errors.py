import builtins
import copy
import pickle
import sys
from collections.abc import Iterator

import pytest

from pyrolike import errors, tracebacks
from pyrolike.configure import config

TREE = {
    "PyroError": Exception,
    "NamingError": errors.PyroError,
    "DaemonError": errors.PyroError,
    "SecurityError": errors.PyroError,
    "RemoteError": errors.PyroError,
    "CommunicationError": errors.PyroError,
    "ConnectionClosedError": errors.CommunicationError,
    "TimeoutError": errors.CommunicationError,
    "ProtocolError": errors.CommunicationError,
    "MessageTooLargeError": errors.ProtocolError,
    "SerializeError": errors.ProtocolError,
}


@pytest.fixture
def detailed() -> Iterator[None]:
    config.DETAILED_TRACEBACK = True
    yield
    config.DETAILED_TRACEBACK = False


def fail(divisor: int = 0) -> float:
    return 1 / divisor


def caught() -> ZeroDivisionError:
    try:
        fail()
    except ZeroDivisionError as error:
        return error
    raise AssertionError("unreachable")


@pytest.mark.parametrize(("name", "parent"), TREE.items())
def test_the_tree_is_pyros(name: str, parent: type[Exception]) -> None:
    assert getattr(errors, name).__base__ is parent


def test_the_tree_is_complete() -> None:
    found = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert {name for name in found if name.endswith("Error")} == set(TREE)


def test_our_timeout_is_not_the_builtin_one() -> None:
    assert not issubclass(errors.TimeoutError, builtins.TimeoutError)


@pytest.mark.parametrize("name", TREE)
def test_every_error_can_be_made_from_its_arguments_and_then_carries_nothing_else(
    name: str,
) -> None:
    error = getattr(errors, name)("sentence", 5)
    assert error.args == ("sentence", 5)
    assert vars(error) == {}


@pytest.mark.parametrize(
    ("error", "data"),
    [
        (
            errors.MessageTooLargeError("big", announced=3000, limit=2500),
            {"announced": 3000, "limit": 2500},
        ),
        (errors.ConnectionClosedError("gone", partial_data=b"PYR"), {"partialData": b"PYR"}),
        (
            errors.SerializeError("what", class_name="x.Y", where="args[0]"),
            {"class_name": "x.Y", "where": "args[0]"},
        ),
        (
            errors.RemoteError("bye", class_name="builtins.SystemExit"),
            {"class_name": "builtins.SystemExit"},
        ),
    ],
)
def test_data_is_kept_beside_the_arguments_and_survives_copies(
    error: errors.PyroError, data: dict[str, object]
) -> None:
    for twin in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert twin.args == error.args
        assert len(twin.args) == 1
        assert vars(twin) == data


def test_data_that_nobody_gave_reads_as_nothing() -> None:
    assert errors.MessageTooLargeError("big").limit is None
    assert errors.MessageTooLargeError("big").announced is None
    assert errors.ConnectionClosedError("gone").partialData is None
    assert errors.SerializeError("what").class_name is None
    assert errors.SerializeError("what").where is None
    assert errors.RemoteError("bye").class_name == ""


def test_the_two_ways_of_naming_an_exception_give_the_same_traceback() -> None:
    error = caught()
    expected = tracebacks.format_local(error, error.__traceback__, detailed=False)
    three = (type(error), error, error.__traceback__)
    assert errors.get_pyro_traceback(error) == expected
    assert errors.get_pyro_traceback(*three) == expected
    assert errors.format_traceback(error) == expected
    assert errors.format_traceback(*three) == expected
    assert expected[-1] == "ZeroDivisionError: division by zero\n"


def test_without_arguments_the_exception_being_handled_is_meant() -> None:
    error = caught()
    shown = []
    try:
        raise error
    except ZeroDivisionError:
        shown = [errors.get_pyro_traceback(), errors.format_traceback()]
    assert shown == [errors.format_traceback(error)] * 2


def test_without_any_exception_there_is_pythons_text_for_none() -> None:
    assert errors.get_pyro_traceback() == ["NoneType: None\n"]
    assert errors.format_traceback() == ["NoneType: None\n"]


def test_a_traceback_given_beside_the_exception_is_used() -> None:
    error = caught()
    elsewhere = caught().__traceback__
    assert elsewhere is not None
    shown = errors.format_traceback(error, None, elsewhere.tb_next)
    assert len(shown) < len(errors.format_traceback(error))


def test_an_exception_without_a_traceback_is_shown_alone() -> None:
    assert errors.format_traceback(ValueError, ValueError("z")) == ["ValueError: z\n"]
    assert errors.format_traceback(None, ValueError("z")) == ["ValueError: z\n"]


@pytest.mark.parametrize("function", [errors.get_pyro_traceback, errors.format_traceback])
def test_what_is_no_exception_has_no_traceback(function: object) -> None:
    assert callable(function)
    with pytest.raises(TypeError, match="expected an exception or its type, not 'oops'"):
        function("oops")


def test_the_remote_part_follows_the_local_one() -> None:
    error = caught()
    error._pyroTraceback = ["Traceback\n", "  File x\n    y\n"]  # type: ignore[attr-defined] # as the client does
    shown = "".join(errors.get_pyro_traceback(error))
    assert shown.startswith("".join(errors.format_traceback(error)))
    assert shown.endswith(
        "\n +--- This exception occurred remotely (Pyro) - Remote traceback:"
        "\n | Traceback\n |   File x\n |     y\n +--- End of remote traceback\n"
    )


def test_the_remote_part_is_not_shown_again_if_the_exception_has_it_as_a_note() -> None:
    error = caught()
    lines = ["Traceback\n", "ValueError: x\n"]
    error._pyroTraceback = lines  # type: ignore[attr-defined] # as the client does
    error.add_note(tracebacks.remote_note(lines))
    shown = "".join(errors.get_pyro_traceback(error))
    assert shown.count("Remote traceback") == 1
    assert " | ValueError: x\n" in shown


def test_local_variables_are_shown_only_if_the_setting_says_so() -> None:
    assert "divisor = 0" not in "".join(errors.get_pyro_traceback(caught()))


@pytest.mark.usefixtures("detailed")
def test_the_setting_adds_the_local_variables() -> None:
    assert "divisor = 0" in "".join(errors.get_pyro_traceback(caught()))


@pytest.mark.usefixtures("detailed")
def test_format_traceback_obeys_its_argument_and_not_the_setting() -> None:
    error = caught()
    assert "Local values" not in "".join(errors.format_traceback(error))
    assert "Local values" in "".join(errors.format_traceback(error, detailed=True))


def test_the_hook_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = caught()
    errors.excepthook(type(error), error, error.__traceback__)
    assert capsys.readouterr().err == "".join(errors.get_pyro_traceback(error))


def test_the_hook_can_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", errors.excepthook)
    sys.excepthook(ValueError, ValueError("z"), None)
    assert capsys.readouterr().err == "ValueError: z\n"
