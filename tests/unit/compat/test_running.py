import pytest

from pyrolike.compat.running import USAGE, main


@pytest.mark.parametrize("words", [[], ["-x"], ["-m"], ["-c"], ["--only"], ["--only", "Pyro4"]])
def test_a_wrong_command_line_is_answered_with_the_right_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(words)
    assert (ending.value.code, capsys.readouterr().err) == (2, USAGE)


def test_help_goes_to_where_it_was_asked_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["-h"])
    assert (ending.value.code, capsys.readouterr().out) == (0, USAGE)
