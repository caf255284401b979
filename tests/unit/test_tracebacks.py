from typing import Any

import pytest

from pyrolike.tracebacks import RULE, format_local, remote_note, remote_part


class Stove:
    def __init__(self) -> None:
        self.heat = 3
        self.token = "rosebud"

    def cook(self, dish: object, password: str = "rosebud") -> float:
        return self.heat / 0


class Slotted:
    __slots__ = ()

    def fail(self) -> None:
        raise ValueError("slots")


class Unshowable(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override] # breaks even the name of the class
        raise RuntimeError("no name either")


class Grumpy(metaclass=Unshowable):
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Asks:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def fail(self) -> None:
        raise ValueError("x")


def caught(function: Any, *args: Any) -> BaseException:
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is what we look at
        return error
    raise AssertionError("nothing was raised")


def shown(error: BaseException, *, detailed: bool = True) -> str:
    return "".join(format_local(error, error.__traceback__, detailed=detailed))


def recurse(depth: int) -> None:
    if depth == 0:
        raise ValueError("deep")
    recurse(depth - 1)


def test_a_plain_traceback_is_pythons_own() -> None:
    text = shown(caught(Stove().cook, "soup"), detailed=False)
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ZeroDivisionError: division by zero\n")
    assert "rosebud" not in text


@pytest.mark.parametrize("detailed", [True, False])
def test_no_exception_gives_pythons_text_for_none(detailed: bool) -> None:
    assert format_local(None, None, detailed=detailed) == ["NoneType: None\n"]


def test_a_detailed_traceback_shows_place_source_and_variables_between_rules() -> None:
    text = shown(caught(Stove().cook, "soup"))
    assert text.startswith(
        RULE
        + " EXCEPTION ZeroDivisionError: division by zero\n"
        + " Extended stacktrace follows (most recent call last)\n"
        + RULE
        + f'File "{__file__}", line '
    )
    frame = text.split(RULE)[-3]
    assert frame.splitlines()[0].endswith(", in Stove.cook")
    assert "Source code:\n    return self.heat / 0\nLocal values:\n    dish = 'soup'\n" in frame
    assert "\n        self.heat = 3\n" in frame
    assert text.endswith(RULE + "ZeroDivisionError: division by zero\n" + RULE)
    assert len(RULE) == 53


def test_the_outermost_frame_keeps_its_variables_to_itself() -> None:
    error = caught(Stove().cook, "soup")
    outermost = shown(error).split(RULE)[2]
    assert "in caught" in outermost
    assert "Local values" not in outermost


def test_values_with_secret_names_are_hidden() -> None:
    text = shown(caught(Stove().cook, "soup"))
    assert "password = <hidden>" in text
    assert "self.token = <hidden>" in text
    assert "rosebud" not in text


def test_long_values_are_shortened() -> None:
    text = shown(caught(Stove().cook, ["x" * 10_000] * 10_000))
    assert len(text) < 5_000


def test_a_value_that_cannot_be_shown_does_no_harm() -> None:
    assert "dish = <a value that cannot be shown>" in shown(caught(Stove().cook, Grumpy()))


def test_an_object_without_a_dictionary_is_fine() -> None:
    text = shown(caught(Slotted().fail))
    assert "self = <" in text
    assert "self." not in text.split("Local values")[1]


def test_looking_at_an_object_runs_none_of_its_code() -> None:
    assert "ValueError: x" in shown(caught(Asks().fail))


def test_code_without_a_source_file_is_shown_without_source() -> None:
    code = compile("def made(): raise ValueError('z')", "<made>", "exec")
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    frame = shown(caught(namespace["made"])).split(RULE)[-3]
    assert frame == 'File "<made>", line 1, in made\n'


def test_the_middle_of_a_runaway_recursion_is_left_out() -> None:
    text = shown(caught(recurse, 100))
    assert text.count("in recurse\n") == 59
    assert text.count("(42 frames are left out here)") == 1
    assert "    depth = 0\n" in text
    assert "    depth = 100\n" not in text


def test_a_traceback_just_short_enough_is_shown_whole() -> None:
    assert "left out" not in shown(caught(recurse, 58))
    assert "(1 frames are left out here)" in shown(caught(recurse, 59))


def test_the_cause_of_an_exception_comes_first() -> None:
    def wrap() -> None:
        try:
            recurse(0)
        except ValueError as error:
            raise KeyError("outer") from error

    first, second = shown(caught(wrap)).split(
        "\nThe exception above was the direct cause of the following one:\n\n"
    )
    assert "ValueError: deep" in first
    assert "KeyError: 'outer'" in second


def test_the_exception_that_was_being_handled_comes_first() -> None:
    def stumble() -> None:
        try:
            recurse(0)
        except ValueError:
            raise KeyError("outer")  # noqa: B904 - the unintended chain is what we look at

    first, second = shown(caught(stumble)).split(
        "\nDuring the handling of the exception above, another one occurred:\n\n"
    )
    assert "ValueError: deep" in first
    assert "KeyError: 'outer'" in second


def test_a_chain_that_was_cut_on_purpose_stays_cut() -> None:
    def hide() -> None:
        try:
            recurse(0)
        except ValueError:
            raise KeyError("outer") from None

    assert "deep" not in shown(caught(hide))


def test_a_ring_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert shown(one).count(" EXCEPTION ValueError: two") == 1


def test_notes_are_shown_in_detail_too() -> None:
    error = ValueError("x")
    error.add_note("do this instead")
    assert "ValueError: x\ndo this instead\n" in shown(error)


def test_a_group_is_shown_with_its_members() -> None:
    assert "KeyError: 'member'" in shown(ExceptionGroup("several", [KeyError("member")]))


def test_a_remote_note_marks_every_line() -> None:
    assert remote_note(["Traceback\n", "  File x\n    y\n", "end"]) == (
        " +--- This exception occurred remotely (Pyro) - Remote traceback:\n"
        " | Traceback\n"
        " |   File x\n"
        " |     y\n"
        " | end\n"
        " +--- End of remote traceback"
    )


def test_a_remote_note_can_be_made_from_any_iterable() -> None:
    assert remote_note(iter(["a\n"])) == remote_note(["a\n"])


def test_a_note_shows_in_an_ordinary_traceback() -> None:
    error = ValueError("x")
    error.add_note(remote_note(["there\n"]))
    assert shown(error, detailed=False).endswith(" | there\n +--- End of remote traceback\n")


def carrying(remote: object) -> ValueError:
    error = ValueError("x")
    error._pyroTraceback = remote  # type: ignore[attr-defined] # as the client does
    return error


def test_the_remote_part_is_the_note_and_a_newline() -> None:
    assert "".join(remote_part(carrying(["a\n"]))) == remote_note(["a\n"]) + "\n"


@pytest.mark.parametrize("remote", [None, [], (), 5, object()])
def test_an_exception_without_a_usable_remote_traceback_has_no_remote_part(remote: object) -> None:
    assert remote_part(carrying(remote)) == []


@pytest.mark.parametrize("remote", ["a\nb\n", ("a\n", "b\n"), ["a", "b"]])
def test_a_remote_traceback_is_taken_in_whatever_form_it_came(remote: object) -> None:
    assert "\n | a\n | b\n" in "".join(remote_part(carrying(remote)))


def test_elements_that_are_no_texts_are_shown_anyway() -> None:
    assert "\n | 5\n" in "".join(remote_part(carrying([5])))


def test_nothing_and_a_local_exception_have_no_remote_part() -> None:
    assert remote_part(None) == []
    assert remote_part(ValueError("x")) == []


def test_a_remote_part_that_is_a_note_already_is_not_given_again() -> None:
    error = carrying(["a\n"])
    error.add_note("something else")
    assert remote_part(error) != []
    error.add_note(remote_note(["a\n"]))
    assert remote_part(error) == []


def test_notes_of_a_wrong_type_do_no_harm() -> None:
    error = carrying(["a\n"])
    error.__notes__ = 5  # type: ignore[assignment] # anybody can set it
    assert remote_part(error) != []
