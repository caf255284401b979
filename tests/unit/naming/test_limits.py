"""What may be registered, and what the errors say about rubbish."""

from collections.abc import Callable
from typing import Any

import pytest

from pyrolike.errors import NamingError, PyroError
from pyrolike.naming import limits
from pyrolike.naming.limits import (
    check_name,
    check_tags,
    check_text,
    check_uri,
    check_wanted_tags,
    shown,
)
from pyrolike.uri import URI


@pytest.mark.parametrize(
    "text",
    ["x", "x y", "Äpfel.日本", "\U0001f600", "%_*", "x" * limits.LONGEST_NAME],
)
def test_names_and_tags_may_be_any_text_on_one_line(text: str) -> None:
    check_name(text)
    assert check_tags("metadata", [text]) == {text}


def test_the_key_of_class_dicts_is_no_name() -> None:
    with pytest.raises(NamingError, match="cannot be a name"):
        check_name("__class__")
    assert check_tags("metadata", ["__class__"]) == {"__class__"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("x" * 1001, "has 1001 characters; at most 1000"),
        ("two\nlines", r"control characters .*: 'two\\nlines'"),
        ("\0", "control characters"),
        ("\x1b[31m", "control characters"),
        ("\x7f", "control characters"),
        ("\x9b", "control characters"),
        ("half \ud800", r"surrogate pairs: 'half \\ud800'"),
    ],
)
def test_rubbish_is_a_naming_error_that_can_be_printed(text: str, complaint: str) -> None:
    checks: list[Callable[[], Any]] = [
        lambda: check_name(text),
        lambda: check_tags("metadata", ["fine", text]),
    ]
    for check in checks:
        with pytest.raises(NamingError, match=complaint) as caught:
            check()
        assert len(str(caught.value)) < 300
        assert str(caught.value).isprintable()


def test_the_number_of_tags_is_limited() -> None:
    assert len(check_tags("metadata", map(str, range(limits.MOST_TAGS)))) == limits.MOST_TAGS
    with pytest.raises(NamingError, match="metadata has 1001 tags; at most 1000"):
        check_tags("metadata", map(str, range(limits.MOST_TAGS + 1)))


def test_what_is_searched_may_be_what_nothing_has() -> None:
    strange = ["", "x" * 1001, "two\nlines", "half \ud800"]
    assert check_wanted_tags("meta_any", strange) == set(strange)
    with pytest.raises(NamingError, match="meta_any has 1001 tags"):
        check_wanted_tags("meta_any", map(str, range(limits.MOST_TAGS + 1)))


def test_no_tags_are_none() -> None:
    assert check_tags("metadata", None) == check_tags("metadata", []) == frozenset()


@pytest.mark.parametrize("tags", ["tag", 5, [5], [["x"]], {None}])
def test_tags_of_the_wrong_type(tags: Any) -> None:
    with pytest.raises(TypeError):
        check_tags("metadata", tags)


def test_a_uri_is_kept_as_it_was_written() -> None:
    assert check_uri("pyro:a@h:1") == "pyro:a@h:1"
    assert check_uri(URI("PYRONAME:x")) == "PYRONAME:x"


@pytest.mark.parametrize("uri", ["", "PYRO:a\n@h:1", "PYRO:" + "x" * 4000, "PYRO:\ud800@h:1"])
def test_a_uri_that_is_rubbish_is_a_pyro_error(uri: str) -> None:
    with pytest.raises(PyroError):
        check_uri(uri)


def test_a_uri_object_must_have_a_text_that_can_be_parsed() -> None:
    uri = URI("PYRO:a@h:1")
    uri.host = None
    with pytest.raises(PyroError, match="needs a location"):
        check_uri(uri)


@pytest.mark.parametrize("uri", [5, None, b"PYRO:a@h:1"])
def test_a_uri_of_the_wrong_type(uri: Any) -> None:
    with pytest.raises(TypeError, match="only URIs or strings"):
        check_uri(uri)


def test_text_is_text() -> None:
    assert check_text("prefix", "x") == "x"
    with pytest.raises(TypeError, match="prefix must be a str, not int"):
        check_text("prefix", 5)


@pytest.mark.parametrize(
    ("name", "text"), [("x y", "x y"), ("a\nb", r"'a\nb'"), ("x" * 200, f"'{'x' * 100}'...")]
)
def test_an_error_shows_a_name_of_any_kind_on_one_short_line(name: str, text: str) -> None:
    assert shown(name) == text
