import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyrolike import _logging
from pyrolike._logging import (
    LOGGERS,
    LONGEST_MESSAGE,
    LONGEST_TRACEBACK,
    Legible,
    configure_logging,
    printable,
)


@contextmanager
def fresh_logging() -> Iterator[None]:
    """Take away all handlers and levels, as in a fresh process; give them back afterwards.

    Not a fixture, because pytest adds its own handlers after the fixtures have run.
    """
    loggers = [logging.getLogger(), logging.getLogger("pyrolike")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    for logger in loggers:
        logger.handlers[:] = []
        logger.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        for logger, handlers, level in before:
            for handler in logger.handlers:
                handler.close()
            logger.handlers[:] = handlers
            logger.setLevel(level)


@pytest.mark.parametrize("environ", [{}, {"PYRO_LOGLEVEL": ""}, {"PYRO_LOGFILE": "x.log"}])
@fresh_logging()
def test_without_a_level_there_is_only_silence(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    configure_logging(environ)
    logging.getLogger("pyrolike.server").error("nobody hears this")
    assert capsys.readouterr().err == ""
    assert logging.getLogger().handlers == []
    assert logging.getLogger("pyrolike").level == logging.NOTSET
    assert list(tmp_path.iterdir()) == []


@fresh_logging()
def test_a_second_time_adds_nothing() -> None:
    configure_logging({})
    configure_logging({})
    assert len(logging.getLogger("pyrolike").handlers) == 1


@fresh_logging()
def test_a_level_that_the_program_set_is_left_alone() -> None:
    logging.getLogger("pyrolike").setLevel(logging.DEBUG)
    configure_logging({})
    assert logging.getLogger("pyrolike").level == logging.DEBUG


@fresh_logging()
def test_a_level_gives_a_log_file_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configure_logging({"PYRO_LOGLEVEL": "DEBUG"})
    logging.getLogger("pyrolike.server").debug("über alles")
    first, second = (tmp_path / "pyrolike.log").read_text(encoding="utf-8").splitlines()
    assert first.endswith(
        ",pyrolike,INFO] logging configured from PYRO_LOGLEVEL: level DEBUG, to pyrolike.log"
    )
    assert second.endswith(",pyrolike.server,DEBUG] über alles")


@fresh_logging()
def test_lines_begin_with_date_time_and_milliseconds(tmp_path: Path) -> None:
    configure_logging({"PYRO_LOGLEVEL": "INFO", "PYRO_LOGFILE": str(tmp_path / "a.log")})
    line = (tmp_path / "a.log").read_text(encoding="utf-8")
    stamp = line.partition(",")[0]
    assert len(stamp) == len("[2025-01-31 12:00:00.000")
    assert stamp[0] == "["
    assert stamp[-4] == "."


@pytest.mark.parametrize("name", ["warning", "WARN", " Warning "])
@fresh_logging()
def test_the_name_of_a_level_may_be_written_in_any_case(name: str, tmp_path: Path) -> None:
    configure_logging({"PYRO_LOGLEVEL": name, "PYRO_LOGFILE": str(tmp_path / "a.log")})
    assert logging.getLogger().level == logging.WARNING


@fresh_logging()
def test_an_unknown_level_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"PYRO_LOGLEVEL must be one of .*DEBUG, INFO, .*, not 'loud'$"
    ):
        configure_logging({"PYRO_LOGLEVEL": "loud"})


@fresh_logging()
def test_the_log_may_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging({"PYRO_LOGLEVEL": "INFO", "PYRO_LOGFILE": "{stderr}"})
    logging.getLogger("pyrolike.client").info("hello")
    assert capsys.readouterr().err.endswith(",pyrolike.client,INFO] hello\n")


@fresh_logging()
def test_a_file_that_cannot_be_written_sends_the_log_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing" / "a.log"
    configure_logging({"PYRO_LOGLEVEL": "INFO", "PYRO_LOGFILE": str(missing)})
    written = capsys.readouterr().err
    assert f"logging to standard error, for {missing} cannot be written" in written


@fresh_logging()
def test_logging_that_the_program_set_up_is_left_alone(tmp_path: Path) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.ERROR)
    configure_logging({"PYRO_LOGLEVEL": "DEBUG", "PYRO_LOGFILE": str(tmp_path / "a.log")})
    assert logging.getLogger().handlers == [handler]
    assert logging.getLogger().level == logging.ERROR
    assert list(tmp_path.iterdir()) == []


# -- what peers may have written

EVIL = "a\n[2026-01-01 00:00:00.000,pyrolike,INFO] all is well\r\x1b[2J\x9b\x00\u2028\u202e\ud800b"


def logged(*message: object, exc_info: object = None, level: int = logging.WARNING) -> str:
    """Return what a handler makes of a record of ours."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("LINE %(message)s"))
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("pyrolike.server")
    logger.addHandler(handler)
    try:
        logger.log(level, *message, exc_info=exc_info)  # type: ignore[arg-type]
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def test_a_text_of_a_peer_stays_on_its_line() -> None:
    (line,) = logged("named %s and %r", EVIL, EVIL).splitlines()
    assert line.startswith("LINE named a\\n[2026")
    assert line.isprintable()
    assert all(escape in line for escape in ("\\r", "\\x1b[2J", "\\x9b", "\\u202e", "\\ud800b"))


def test_control_characters_are_written_out() -> None:
    assert printable("plain é 名") == "plain é 名"
    assert printable("a\x1b]0;x\x07\n\u202eb\udc80") == "a\\x1b]0;x\\x07\\n\\u202eb\\udc80"
    assert printable("a\n\tb\r", "\n\t") == "a\n\tb\\r"


def test_what_is_ordinary_is_left_as_it_is() -> None:
    assert logged("100 %% of %s", "größte Ünruhe") == "LINE 100 % of größte Ünruhe\n"


def test_a_text_with_signs_of_percent_is_not_formatted_twice() -> None:
    assert logged("named %s", "%s%d\n") == "LINE named %s%d\\n\n"


def test_long_texts_are_cut_off() -> None:
    line = logged("named %s", "x" * 10 * LONGEST_MESSAGE)
    assert len(line) < LONGEST_MESSAGE + 100
    assert line.endswith("... and 36,006 more characters\n")


def test_the_text_of_an_exception_cannot_pass_for_another_record() -> None:
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        text = logged("failed", exc_info=error)
    first, *others = text.splitlines()
    assert first == "LINE failed"
    assert others[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") and line.isprintable() for line in others)
    assert any("ValueError: a" in line for line in others)


def test_long_tracebacks_are_cut_off() -> None:
    error = ValueError("x" * 10 * LONGEST_TRACEBACK)
    assert len(logged("failed", exc_info=error)) < LONGEST_TRACEBACK + 100


def test_without_an_exception_there_is_no_traceback() -> None:
    assert logged("failed", exc_info=True).startswith("LINE failed\n")


def test_a_mistake_in_a_message_is_for_the_handlers_to_report() -> None:
    record = logging.LogRecord("pyrolike.server", 50, "", 1, "%d\n of %d", (1,), None)
    assert Legible().filter(record)
    assert (record.msg, record.args) == ("%d\n of %d", (1,))


@fresh_logging()
def test_what_nobody_reads_is_not_worked_at() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("nobody reads this")

    configure_logging({})
    logging.getLogger("pyrolike.server").warning("%s", Costly())
    assert logged("%s", Costly(), level=logging.INFO) == ""


def test_all_that_we_log_under_is_looked_after() -> None:
    package = Path(_logging.__file__).parent
    source = "".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    assert set(re.findall(r"getLogger\(\"(.*?)\"\)", source)) == set(LOGGERS)
    assert not re.search(r"\blogging\.(debug|info|warning|error|exception|critical|log)\(", source)
