"""From a WSGI environment to what is wanted: which member of which object, and with what.

Everything here comes from strangers. What cannot be understood is a `Refusal`, with a sentence that
does not repeat what they sent; sizes and counts are bounded before anything is stored.

Names are compared and looked up exactly as they come out of the path: percent signs are decoded
once, by the WSGI server, and nothing is normalised after that. So there is no second spelling with
which one could pass the check of the name and arrive elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "/pyro/"
"""Where the gateway's addresses begin."""

KEY_FIELD = "$key"
"""The parameter that carries the gateway key, for those who cannot set headers."""

ARGS_FIELD = "$args"
"""The member of a JSON body that holds the positional arguments: a list."""

MOST_FIELDS = 1000
"""Parameters of a request."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Refusal(Exception):
    """The request is not answered with a result.

    Attributes:
        status: The HTTP status.
        text: A sentence for the person at the other end. It contains nothing of theirs.
        headers: More headers for the response.
    """

    def __init__(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Target:
    """What an address means.

    Attributes:
        name: The object's name, which may contain slashes.
        member: Its method or attribute, or ``$meta``.
    """

    name: str
    member: str


@dataclass(slots=True)
class Parameters:
    """What a request brings along.

    Attributes:
        args: Positional arguments.
        kwargs: Keyword arguments.
        key: The gateway key, if it was among them.
    """

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    key: str | None = None

    def __bool__(self) -> bool:
        return bool(self.args or self.kwargs)


def read_path(environ: Mapping[str, Any]) -> str:
    """Return the path below the place where the application is mounted.

    Raises:
        Refusal: It is not UTF-8.
    """
    try:  # WSGI hands bytes over in the shape of a text: each character is one
        return str(environ.get("PATH_INFO") or "").encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise Refusal(400, "Error 400: the path is not UTF-8") from None


def split_target(path: str) -> Target:
    """Return what a path below `PREFIX` means: the object up to the last slash, then the member.

    Raises:
        Refusal: One of the two is missing.
    """
    name, _, member = path.removeprefix(PREFIX).rpartition("/")
    if not name or not member:
        raise Refusal(404, "Error 404: Not Found")
    return Target(name, member)


def read_query(environ: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of the query.

    Raises:
        Refusal: It cannot be read.
    """
    return _fields(str(environ.get("QUERY_STRING") or ""))


def read_parameters(environ: Mapping[str, Any], max_size: int) -> Parameters:
    """Return all parameters: of the query, and of a form or a JSON object in the body.

    Fields of query and form are text; one that comes several times is a list of texts, and a blank
    one does not count, as in Pyro. The members of a JSON object have the types they have there.

    Args:
        environ: The WSGI environment. Its body is read.
        max_size: Bytes that the body may have.

    Raises:
        Refusal: The body is too large, or cannot be read.
    """
    fields = read_query(environ)
    parameters = Parameters()
    body = _read_body(environ, max_size)
    if body:
        kind = _content_type(environ)
        if kind == JSON:
            parameters = _from_json(body)
        elif kind == FORM:
            for name, values in _fields(_decode(body)).items():
                fields.setdefault(name, []).extend(values)
        else:
            raise Refusal(415, f"Error 415: send parameters as {JSON} or {FORM}")
    key = fields.pop(KEY_FIELD, None)
    if key:
        parameters.key = key[-1]
    if fields.keys() & parameters.kwargs.keys():
        raise Refusal(400, "Error 400: a parameter is in the query and in the JSON object")
    for name, values in fields.items():
        parameters.kwargs[name] = values[0] if len(values) == 1 else values
    return parameters


# -- bodies ---------------------------------------------------------------------------------------


def _content_type(environ: Mapping[str, Any]) -> str:
    return str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()


def _read_body(environ: Mapping[str, Any], max_size: int) -> bytes:
    """Return the body of a POST; empty where there is none."""
    if environ["REQUEST_METHOD"] != "POST":
        return b""
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise Refusal(411, "Error 411: send the body with its Content-Length")
    stated = str(environ.get("CONTENT_LENGTH") or "0").strip()
    if not (stated.isascii() and stated.isdigit()):
        raise Refusal(400, "Error 400: the Content-Length is no number")
    # Without its zeros, a number with more digits is larger; and int() would refuse thousands.
    digits = stated.lstrip("0") or "0"
    if len(digits) > len(str(max_size)) or int(digits) > max_size:
        raise Refusal(413, f"Error 413: a body may have {max_size} bytes at most")
    size = int(digits)
    read: Callable[[int], bytes] = environ["wsgi.input"].read
    body = bytearray()
    while len(body) < size:
        data = read(size - len(body))
        if not data:
            raise Refusal(400, "Error 400: the body ends too early")
        body += data
    return bytes(body)


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeError:
        raise Refusal(400, "Error 400: the body is not UTF-8") from None


def _fields(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeError:
        raise Refusal(400, "Error 400: a parameter is not UTF-8") from None
    except ValueError:
        raise Refusal(400, f"Error 400: more than {MOST_FIELDS} parameters") from None


def _from_json(body: bytes) -> Parameters:
    try:
        found = json.loads(_decode(body), object_hook=_refuse_classes, parse_constant=_refuse_word)
    except RecursionError:
        raise Refusal(400, "Error 400: the JSON is nested too deeply") from None
    except ValueError:
        raise Refusal(400, "Error 400: the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refusal(
            400,
            "Error 400: the body must be a JSON object, whose members are the keyword arguments; "
            f"positional ones go into its member {ARGS_FIELD}, a list",
        )
    key, args = found.pop(KEY_FIELD, None), found.pop(ARGS_FIELD, [])
    if not isinstance(args, list) or not isinstance(key, str | None):
        raise Refusal(400, f"Error 400: {ARGS_FIELD} must be a list, and {KEY_FIELD} a text")
    return Parameters(args, found, key)


def _refuse_classes(found: dict[str, Any]) -> dict[str, Any]:
    """Let only plain data through.

    To a daemon, an object with this member is one of a class: a proxy, for one, which would have
    the daemon connect to wherever a stranger likes.
    """
    if "__class__" in found:
        raise Refusal(400, "Error 400: arguments are plain data, without __class__")
    return found


def _refuse_word(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
