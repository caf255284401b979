"""Checks of `pyrolike doctor` that look at this process only: environment, settings, files."""

import os
import ssl
import stat
from collections.abc import Callable
from importlib.util import find_spec

from pyrolike._terminal import sentence
from pyrolike.configure import ELSEWHERE, ITEMS, PREFIX, config
from pyrolike.serializers import RUNNING_CODE, serializers
from pyrolike.transport import get_ssl_context

from .config import changed_settings, closest_setting, setting_line
from .findings import Finding, Findings

SMALLEST_LIMIT = 65536
"""A limit for messages below this is probably a slip: names and tracebacks need some room too."""

FEWEST_FILES = 256

_FILES = {
    "SSL_SERVERCERT": "a certificate",
    "SSL_SERVERKEY": "a key",
    "SSL_CLIENTCERT": "a certificate",
    "SSL_CLIENTKEY": "a key",
    "SSL_CACERTS": "authorities",
}


def check_environment(refused: dict[str, str]) -> Findings:
    """Look at the variables that begin with ``PYRO_``.

    Args:
        refused: Those whose value makes no sense: name to what is wrong with it.
    """
    for name, text in refused.items():
        yield Finding("error", "environment", text, f"Correct {name}, or unset it.")
    known = ITEMS.keys() | ELSEWHERE
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            close = closest_setting(name.removeprefix(PREFIX))
            hint = f" ({PREFIX}{close} is one)" if close else ""
            yield Finding(
                "warning",
                "environment",
                f"The variable {name} is no setting of pyrolike and is ignored{hint}.",
                "Unset it, unless it is meant for another program.",
            )


def check_settings() -> Findings:
    """Tell which settings are not at their default, and which of them do not go together."""
    changed = changed_settings()
    for name in changed:
        text = f"{setting_line(name)}, and not its default: {ITEMS[name].meaning}."
        yield Finding("note", "settings", text)
    if not changed:
        yield Finding("ok", "settings", "All settings have their defaults.")
    if not config.COMMTIMEOUT:
        yield Finding(
            "note",
            "settings",
            "COMMTIMEOUT is 0: a call waits for its answer for ever.",
            "Set it, or a proxy's _pyroTimeout, where a program must go on.",
        )
    if config.MAX_MESSAGE_SIZE < SMALLEST_LIMIT:
        yield Finding(
            "warning",
            "settings",
            f"MAX_MESSAGE_SIZE is {config.MAX_MESSAGE_SIZE} bytes: larger calls and results fail.",
            f"Set it to {SMALLEST_LIMIT} at least, unless that is wanted.",
        )
    yield from _check_open_files()


def _check_open_files() -> Findings:
    if find_spec("resource") is None:
        return
    import resource  # which Windows does not have

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= limit < FEWEST_FILES:
        yield Finding(
            "warning",
            "system",
            f"A program may have {limit} files open, and each connection is one.",
            "Raise the limit: ulimit -n 4096",
        )


def check_serializers(is_public: bool) -> Findings:
    """Look at what is installed, and at what runs code.

    Args:
        is_public: Whether daemons listen where other machines may reach them.
    """
    yield Finding("ok", "serializers", f"Installed are {', '.join(sorted(serializers))}.")
    if "msgpack" not in serializers:
        yield Finding(
            "note",
            "serializers",
            "msgpack, which is fast, is not installed.",
            "pip install msgpack if your programs use it.",
        )
    if config.SERIALIZER not in serializers:
        yield Finding(
            "error",
            "serializers",
            f"SERIALIZER is {config.SERIALIZER!r}, which is not there: no proxy can be made.",
            f"Set it to one of {', '.join(sorted(serializers))}.",
        )
    elif config.SERIALIZER not in config.SERIALIZERS_ACCEPTED:
        yield Finding(
            "warning",
            "serializers",
            f"SERIALIZER is {config.SERIALIZER}, which SERIALIZERS_ACCEPTED does not have: "
            "programs with these settings do not understand each other.",
            "Add it there, or choose another one.",
        )
    yield from _check_running_code(is_public)


def _check_running_code(is_public: bool) -> Findings:
    accepted = ", ".join(sorted(config.SERIALIZERS_ACCEPTED.intersection(RUNNING_CODE)))
    if accepted and is_public and config.PICKLE_WITHOUT_AUTHENTICATION:
        yield Finding(
            "error",
            "serializers",
            f"Daemons accept {accepted} beyond this machine: whoever reaches one can run any "
            "code in it.",
            "Take it out of SERIALIZERS_ACCEPTED, or switch PICKLE_WITHOUT_AUTHENTICATION off.",
        )
    elif accepted and is_public:
        yield Finding(
            "warning",
            "serializers",
            f"SERIALIZERS_ACCEPTED has {accepted}: whoever may call a daemon can run any code in "
            "it. Daemons that let in everybody do not start beyond this machine.",
            "Take it out of SERIALIZERS_ACCEPTED, or give daemons an authenticator.",
        )
    elif accepted:
        yield Finding(
            "note",
            "serializers",
            f"Daemons accept {accepted}: every user of this machine can run code in them.",
            "Take it out of SERIALIZERS_ACCEPTED if you do not need it.",
        )


def check_exposure(is_public: bool) -> Findings:
    """Look at settings that tell or allow more than strangers should have."""
    if not is_public:
        return
    if not config.REQUIRE_EXPOSE:
        yield Finding(
            "warning",
            "exposure",
            "REQUIRE_EXPOSE is off: every public member of each registered object can be called.",
            "Switch it on and mark with @expose what is meant to be called.",
        )
    if config.DETAILED_TRACEBACK and config.REMOTE_TRACEBACKS is True:
        yield Finding(
            "warning",
            "exposure",
            "Tracebacks with the values of variables are sent to everybody.",
            "Switch DETAILED_TRACEBACK off, or set REMOTE_TRACEBACKS to 'known'.",
        )
    if not config.SSL:
        yield Finding(
            "note",
            "exposure",
            "Daemons are reachable from elsewhere without TLS: anybody there can call them, and "
            "read along.",
            "See SSL and SSL_REQUIRECLIENTCERT.",
        )


def check_tls() -> Findings:
    """Look at the files that the settings name, and whether TLS can be had with them."""
    named = {name: getattr(config, name) for name in _FILES if getattr(config, name)}
    if not config.SSL:
        if named:
            yield Finding(
                "warning",
                "TLS",
                f"{', '.join(named)} name files, but SSL is off: nothing is encrypted.",
                "Set SSL to true, or take them away.",
            )
        return
    missing = [name for name, path in named.items() if not os.path.exists(path)]
    for name in missing:
        yield Finding(
            "error",
            "TLS",
            f"{name} is {named[name]}, and there is no such file.",
            f"Put {_FILES[name]} there, or correct the path.",
        )
    yield from _check_keys(named)
    if not missing:
        yield from _check_contexts()


def _check_keys(named: dict[str, str]) -> Findings:
    for name in ("SSL_SERVERKEY", "SSL_CLIENTKEY"):
        path = named.get(name)
        if path and os.name == "posix" and os.path.isfile(path):
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode & 0o077:
                yield Finding(
                    "warning",
                    "TLS",
                    f"The key {path} can be used by others than its owner (mode {mode:o}).",
                    f"chmod 600 {path}",
                )


def _check_contexts() -> Findings:
    if not config.SSL_SERVERCERT:
        yield Finding(
            "note",
            "TLS",
            "SSL is on without SSL_SERVERCERT: programs can be clients, but no servers.",
        )
    else:
        yield from _try_context(
            "server",
            lambda: get_ssl_context(
                servercert=config.SSL_SERVERCERT,
                serverkey=config.SSL_SERVERKEY,
                cacerts=config.SSL_CACERTS,
                keypassword=config.SSL_SERVERKEYPASSWD,
            ),
        )
    yield from _try_context(
        "client",
        lambda: get_ssl_context(
            clientcert=config.SSL_CLIENTCERT,
            clientkey=config.SSL_CLIENTKEY,
            cacerts=config.SSL_CACERTS,
            keypassword=config.SSL_CLIENTKEYPASSWD,
        ),
    )


def _try_context(side: str, make: Callable[[], ssl.SSLContext]) -> Findings:
    try:
        make()
    except (OSError, ValueError) as error:
        yield Finding(
            "error",
            "TLS",
            f"The files for a {side} cannot be used: {sentence(error)}.",
            f"See the settings SSL_{side.upper()}CERT, SSL_{side.upper()}KEY and SSL_CACERTS.",
        )
    else:
        yield Finding("ok", "TLS", f"The files for a {side} can be used.")
