"""The parts of the reference that are made from the code.

They are checked in, between two comments, so that the pages can be read without the site too. A
test compares them; ``python -m docs._site.generated`` writes them anew.
"""

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pyrolike.api
from pyrolike.commands.main import TABLE
from pyrolike.configure import ITEMS, Item

REFERENCE = Path(__file__).resolve().parents[1] / "reference"

OURS = tuple(ITEMS)[tuple(ITEMS).index("USE_MSG_WAITALL") + 1 :]
"""Settings that no other Pyro knows: the end of the table in `pyrolike.configure`."""

NOT_IN_PYRO5 = {
    "AUTOPROXY": "always on in Pyro5",
    "DILL_PROTOCOL_VERSION": "Pyro4 only",
    "FLAME_ENABLED": "Pyro4 only; changes nothing here",
    "JSON_MODULE": "Pyro4 only",
    "METADATA": "always on in Pyro5",
    "ONEWAY_THREADED": "always on in Pyro5",
    "PICKLE_PROTOCOL_VERSION": "Pyro4 only",
    "REQUIRE_EXPOSE": "always on in Pyro5",
    "SERIALIZERS_ACCEPTED": "always these four in Pyro5",
    "USE_MSG_WAITALL": "Pyro4 only",
}
"""Settings of Pyro4 that Pyro5 does not have, and what holds there."""

OTHER_DEFAULTS = {
    "LOGFILE": "`pyro5.log` in Pyro5, `pyro.log` in Pyro4",
    "MAX_MESSAGE_SIZE": "0 in Pyro4, which is no limit",
    "PREFER_IP_VERSION": "4 in Pyro4",
    "THREADPOOL_SIZE": "40 in Pyro4",
}
"""Settings whose defaults are others in one of the Pyros."""

PAGES = {
    "proxies": ("Proxy", "BatchProxy"),
    "daemons": ("Daemon", "DaemonObject", "serve"),
    "exposing": ("expose", "oneway", "callback", "behavior"),
    "naming": ("URI", "locate_ns", "resolve", "type_meta", "start_ns", "start_ns_loop"),
    "context": ("current_context",),
    "serializers": (
        "SerializerBase",
        "SerializedBlob",
        "register_class_to_dict",
        "unregister_class_to_dict",
        "register_dict_to_class",
        "unregister_dict_to_class",
    ),
    "../settings": ("config",),
}
"""Page of the reference to the names of `pyrolike.api` that are described there."""


# -- pages ----------------------------------------------------------------------------------------


def make_pages() -> dict[Path, str]:
    """Return the pages that have generated parts, with these as they should be."""
    parts = {
        REFERENCE / "settings.md": ("settings", _settings()),
        REFERENCE / "command-line.md": ("commands", _commands()),
        REFERENCE / "api/index.md": ("names", _names()),
    }
    return {path: _replace(path, name, list(lines)) for path, (name, lines) in parts.items()}


def _replace(path: Path, name: str, lines: list[str]) -> str:
    start, end = f"<!-- generated: {name} -->\n", "<!-- end -->\n"
    before, mark, rest = path.read_text("utf-8").partition(start)
    _, end_mark, after = rest.partition(end)
    if not (mark and end_mark):
        raise ValueError(f"{path} has no place for {name}")
    return before + start + "\n" + "\n".join(lines).strip("\n") + "\n\n" + end + after


# -- settings -------------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    pyros = [name for name in ITEMS if name not in OURS]
    yield "## Pyro's settings"
    yield ""
    yield "Names, meanings and defaults are Pyro5's, but for what is in parentheses."
    yield ""
    yield from _table(pyros)
    yield ""
    yield "## Our settings"
    yield ""
    yield "No other Pyro knows these."
    yield ""
    yield from _table(OURS)


def _table(names: Iterable[str]) -> Iterator[str]:
    yield "| setting | default | meaning | accepted | read |"
    yield "| --- | --- | --- | --- | --- |"
    for name in sorted(names):
        item = ITEMS[name]
        elsewhere = NOT_IN_PYRO5.get(name) or OTHER_DEFAULTS.get(name)
        meaning = f"{item.meaning} ({elsewhere})" if elsewhere else item.meaning
        accepted = item.kind.expected.partition(" (or ")[0]  # how to spell it is told above
        yield _row([f"`{name}`", _default(item), meaning, accepted, item.read])


def _default(item: Item) -> str:
    value: Any = item.default
    if isinstance(value, set):
        return "`" + ", ".join(sorted(map(str, value))) + "`"
    if isinstance(value, list):
        return "`" + ", ".join(value) + "`"
    if value == "":
        return "empty"
    return f"`{value}`" if isinstance(value, str) else f"{value}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# -- commands -------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    for name, row in TABLE.items():
        parser = import_module(row.module)._make_parser(f"pyrolike {name}")
        yield f"## pyrolike {name}"
        yield ""
        yield str(parser.description)
        if row.own_name:
            yield f"`{row.own_name}` is the same."
        yield ""
        yield "| word | meaning |"
        yield "| --- | --- |"
        for action in parser._actions:
            if action.help is not argparse.SUPPRESS and "--help" not in action.option_strings:
                yield _row([f"`{_spelling(action)}`", str(action.help)])
        yield ""
        yield "```text"
        yield str(parser.epilog).strip()
        yield "```"
        yield ""


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.option_strings and action.dest.upper()) or action.dest
    if not action.option_strings:
        text = f"{value}"
        return (
            f"[{text} ...]" if action.nargs == "*" else f"[{text}]" if action.nargs == "?" else text
        )
    words = ", ".join(action.option_strings)
    return words if action.nargs == 0 else f"{words} {value}"


# -- names ----------------------------------------------------------------------------------------


def _names() -> Iterator[str]:
    yield "| name | what it is |"
    yield "| --- | --- |"
    for page, names in PAGES.items():
        for name in names:
            yield _row([f"[`{name}`]({page}.md)", _first_sentence(getattr(pyrolike.api, name))])


def _first_sentence(obj: object) -> str:
    text = inspect.getdoc(obj) or ""
    sentence, _, _ = text.partition("\n\n")
    return re.split(r"(?<=\.)\s", sentence.replace("\n", " ").replace("``", "`"))[0]


if __name__ == "__main__":
    for path, text in make_pages().items():
        path.write_text(text, "utf-8")
