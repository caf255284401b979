"""Logging, set up from the environment when pyrolike is first imported.

With ``PYRO_LOGLEVEL`` unset nothing happens to the process: our loggers stay silent until the
program sets up logging itself, and levels it has set are left alone. With it set, a program that
does not care about logging gets a log file, as Pyro's users are used to.

Source: Pyro5's behaviour, measured, but for three things: it overwrites a level that the program
has set, wants the name of the level in capitals, and does not start if the file cannot be written.
"""

import logging
import os
from collections.abc import Mapping

DEFAULT_FILE = "pyrolike.log"
"""Name of the log file, in the current directory."""

STDERR = "{stderr}"
"""What ``PYRO_LOGFILE`` says instead of a file name to mean standard error."""

_FORMAT = "[%(asctime)s.%(msecs)03d,%(name)s,%(levelname)s] %(message)s"
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"


def configure_logging(environ: Mapping[str, str] = os.environ) -> None:
    """Set up logging as ``PYRO_LOGLEVEL`` and ``PYRO_LOGFILE`` say.

    Without ``PYRO_LOGLEVEL``, or if the program has set up logging already, nothing is written and
    no level is changed.

    Args:
        environ: Where the two variables are looked up.

    Raises:
        ValueError: ``PYRO_LOGLEVEL`` is not the name of a level.
    """
    package = logging.getLogger("pyrolike")
    if not any(isinstance(handler, logging.NullHandler) for handler in package.handlers):
        # Or the logging module would write our warnings to standard error, unasked.
        package.addHandler(logging.NullHandler())
    level_name = environ.get("PYRO_LOGLEVEL", "").strip()
    if not level_name:
        return
    level = _parse_level(level_name)
    if logging.getLogger().handlers:
        return
    file_name = environ.get("PYRO_LOGFILE") or DEFAULT_FILE
    problem = _open_log(level, file_name)
    package.info("logging configured from PYRO_LOGLEVEL: level %s, to %s", level_name, file_name)
    if problem:
        package.warning(
            "logging to standard error, for %s cannot be written: %s", file_name, problem
        )


def _parse_level(name: str) -> int:
    levels = logging.getLevelNamesMapping()
    if name.upper() not in levels:
        known = ", ".join(sorted(levels, key=lambda known_name: levels[known_name]))
        raise ValueError(f"environment variable PYRO_LOGLEVEL must be one of {known}, not {name!r}")
    return levels[name.upper()]


def _open_log(level: int, file_name: str) -> OSError | None:
    """Give the root logger its handler; return what was wrong with the file, if anything was."""
    problem = None
    handler: logging.Handler = logging.StreamHandler()
    if file_name != STDERR:
        try:
            handler = logging.FileHandler(file_name, encoding="utf-8")
        except OSError as error:  # a full disk or a bad path must not keep a program from starting
            problem = error
    logging.basicConfig(level=level, handlers=[handler], format=_FORMAT, datefmt=_DATE_FORMAT)
    return problem
