import math

import pytest

from pyrolike import _kinds
from pyrolike._kinds import Kind

BAD_NUMBERS = [-1, True, 1.5, "1", None, []]


def refused(kind: Kind, value: object) -> bool:
    try:
        kind.check(value)
    except (ValueError, TypeError):
        return True
    return False


@pytest.mark.parametrize(("value", "stored"), [(True, True), (False, False), (1, True), (0, False)])
def test_a_bool_may_be_given_as_one_or_zero_and_is_stored_as_a_bool(
    value: object, stored: bool
) -> None:
    assert _kinds.BOOL.check(value) is stored


@pytest.mark.parametrize("value", [2, "true", 1.0, None, []])
def test_a_bool_is_nothing_else(value: object) -> None:
    assert refused(_kinds.BOOL, value)


@pytest.mark.parametrize("text", ["1", "on", "ON", "Yes", "true", " True "])
def test_the_environment_can_say_yes_in_many_words(text: str) -> None:
    assert _kinds.BOOL.parse(text) is True


@pytest.mark.parametrize("text", ["0", "off", "No", "FALSE"])
def test_the_environment_can_say_no_in_many_words(text: str) -> None:
    assert _kinds.BOOL.parse(text) is False


def test_other_words_for_a_bool_are_left_for_the_check_to_refuse() -> None:
    assert refused(_kinds.BOOL, _kinds.BOOL.parse("maybe"))


@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_a_count_is_a_whole_number_from_zero_up(value: object) -> None:
    assert _kinds.COUNT.check(0) == 0
    assert refused(_kinds.COUNT, value)


def test_numbers_stay_inside_their_range() -> None:
    assert _kinds.POSITIVE.check(1) == 1
    assert refused(_kinds.POSITIVE, 0)
    assert _kinds.PORT.check(65535) == 65535
    assert refused(_kinds.PORT, 65536)
    assert _kinds.PICKLING.check(-1) == -1
    assert refused(_kinds.PICKLING, -2)


def test_an_ip_version_is_four_or_six_or_zero() -> None:
    assert [_kinds.IP_VERSION.check(number) for number in (0, 4, 6)] == [0, 4, 6]
    assert refused(_kinds.IP_VERSION, 5)
    assert refused(_kinds.IP_VERSION, False)


def test_a_message_size_of_zero_is_the_default_size() -> None:
    assert _kinds.MESSAGE_SIZE.check(0) == _kinds.DEFAULT_MESSAGE_SIZE
    assert _kinds.MESSAGE_SIZE.check(2500) == 2500
    assert refused(_kinds.MESSAGE_SIZE, -1)


@pytest.mark.parametrize(("value", "stored"), [(2, 2.0), (0.5, 0.5), (None, 0.0)])
def test_seconds_are_stored_as_a_float(value: object, stored: float) -> None:
    seconds = _kinds.SECONDS.check(value)
    assert seconds == stored
    assert type(seconds) is float


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, True, "2", []])
def test_seconds_are_a_finite_number_from_zero_up(value: object) -> None:
    assert refused(_kinds.SECONDS, value)


def test_a_text_is_a_str_and_nothing_else() -> None:
    assert _kinds.TEXT.check("") == ""
    assert refused(_kinds.TEXT, None)
    assert refused(_kinds.TEXT, b"localhost")


def test_an_optional_text_that_is_empty_is_none() -> None:
    assert _kinds.OPTIONAL_TEXT.check("example.org") == "example.org"
    assert _kinds.OPTIONAL_TEXT.check("") is None
    assert _kinds.OPTIONAL_TEXT.check(None) is None
    assert refused(_kinds.OPTIONAL_TEXT, 5)


def test_a_server_type_is_one_of_two() -> None:
    assert _kinds.SERVER_TYPE.check("multiplex") == "multiplex"
    assert refused(_kinds.SERVER_TYPE, "asyncio")


@pytest.mark.parametrize("value", [{"json", "serpent"}, ["json", "serpent"], "json, serpent,"])
def test_names_become_a_set_from_any_collection_or_a_text(value: object) -> None:
    assert _kinds.NAMES.check(value) == {"json", "serpent"}


def test_names_are_copied() -> None:
    given = {"json"}
    assert _kinds.NAMES.check(given) is not given


@pytest.mark.parametrize("value", [None, 3, [3], b"json"])
def test_names_are_texts(value: object) -> None:
    assert refused(_kinds.NAMES, value)


@pytest.mark.parametrize("value", [["10.0.0.1", "''", ""], "10.0.0.1 , '',, "])
def test_addresses_keep_their_order_and_two_quotes_are_the_empty_one(value: object) -> None:
    assert _kinds.ADDRESSES.check(value) == ["10.0.0.1", ""]


def test_addresses_are_texts() -> None:
    assert refused(_kinds.ADDRESSES, [10])


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("localhost", [("localhost", None)]),
        ("", []),
        (" a , b:1,, ", [("a", None), ("b", 1)]),
        ("[::1],[::1]:1,::1,fe80::1%2", [("::1", None), ("::1", 1), ("::1", None)]),
        ("./u:/run/ns", [("./u:/run/ns", None)]),
    ],
)
def test_hosts_are_a_text_with_commas(text: str, hosts: list[tuple[str, int | None]]) -> None:
    assert _kinds.HOSTS.check(text) == text
    assert _kinds.split_hosts(text)[: len(hosts)] == hosts


@pytest.mark.parametrize(
    "text", ["a b", "a:", "a:x", "a:0", "a:65536", ":1", "[::1", "[::1]x", "[x]:1", "a:1:g", ["a"]]
)
def test_what_cannot_be_a_host_is_refused(text: object) -> None:
    assert refused(_kinds.HOSTS, text)


@pytest.mark.parametrize("value", [{48}, [502], (48, 502), "502", "48, 502"])
def test_protocols_may_come_in_a_set_or_a_text(value: object) -> None:
    assert _kinds.PROTOCOLS.check(value) <= {48, 502}


@pytest.mark.parametrize("value", [set(), "", "48,,502", {47}, {48, "x"}, [[]], None, 502, True])
def test_protocols_that_nobody_speaks_are_refused(value: object) -> None:
    assert refused(_kinds.PROTOCOLS, value)
