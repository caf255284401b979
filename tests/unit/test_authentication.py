"""Who is there: what is let in, what is refused, and what the refused learn."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from pyrolike import authentication
from pyrolike.authentication import (
    AnyOf,
    CertificateCheck,
    Login,
    PeerCredentials,
    RefusedError,
    SharedKey,
    SharedKeyCheck,
    TokenCheck,
    UnixUserCheck,
)
from pyrolike.errors import SecurityError

KEY = "an unguessable key, more or less"
OTHER = "another key that is long enough"
ODD_TEXTS = ["", "a" * 10_000, "\ud800", "'; drop", "\x00\n\x1b[31m"]


@dataclass
class Peer:
    objectId: Any = "vault"
    peer_credentials: PeerCredentials | None = None
    peer_names: tuple[str, ...] = ()


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One for clients and daemons; daemons may be given another."""
    clock = Clock(1_800_000_000.0)
    monkeypatch.setattr("time.time", clock)
    return clock


# -- shared keys


def test_both_sides_prove_that_they_know_the_key(clock: Clock) -> None:
    key, check = SharedKey(KEY, "ada"), SharedKeyCheck({"ada": KEY, "bob": OTHER}, clock=clock)
    shown = key.make_handshake("vault")
    login = check.authenticate(Peer(), shown)
    assert login.user == "ada"
    assert key.check_answer(shown, login.complete("welcome")) == "welcome"


def test_one_key_may_be_everybodys(clock: Clock) -> None:
    check = SharedKeyCheck(KEY.encode(), clock=clock)
    assert check.authenticate(Peer(), SharedKey(KEY).make_handshake("vault")).user == ""


def test_any_client_can_make_a_handshake_with_the_standard_library(clock: Clock) -> None:
    """What the guide promises to clients of Pyro5."""
    stamp, nonce = int(clock.now), "00" * 16
    text = json.dumps(["pyrolike-login", "ada", "vault", "", stamp, nonce])
    code = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    shown = {"user": "ada", "time": stamp, "nonce": nonce, "mac": code}
    login = SharedKeyCheck({"ada": KEY}, clock=clock).authenticate(Peer(), shown)
    text = json.dumps(["pyrolike-proof", code])
    assert login.proof == hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("key", "peer"),
    [
        (SharedKey(OTHER, "ada"), Peer()),
        (SharedKey(KEY, "bob"), Peer()),
        (SharedKey(KEY, "nobody"), Peer()),
        (SharedKey(KEY, "ada", "elsewhere"), Peer()),
        (SharedKey(KEY, "ada"), Peer("another object")),
        (SharedKey(KEY, "ada"), Peer(["vault"])),
    ],
)
def test_what_is_not_right_is_refused_and_told_no_more(
    clock: Clock, key: SharedKey, peer: Peer
) -> None:
    check = SharedKeyCheck({"ada": KEY, "bob": OTHER}, clock=clock)
    with pytest.raises(RefusedError, match=r"^authentication failed$"):
        check.authenticate(peer, key.make_handshake("vault"))


@pytest.mark.parametrize("part", ["user", "time", "nonce", "mac"])
def test_nothing_of_a_handshake_can_be_changed(clock: Clock, part: str) -> None:
    check = SharedKeyCheck({"ada": KEY, "bob": KEY}, clock=clock)
    shown = SharedKey(KEY, "ada").make_handshake("vault")
    changed = {"user": "bob", "time": shown["time"] + 1, "nonce": "11" * 16, "mac": "22" * 32}
    with pytest.raises(RefusedError):
        check.authenticate(Peer(), {**shown, part: changed[part]})
    assert check.authenticate(Peer(), shown).user == "ada"


@pytest.mark.parametrize(
    "handshake",
    [
        None,
        "hello",
        [],
        {},
        {"user": "", "time": 1, "nonce": ""},
        {"user": 1, "time": 1, "nonce": "", "mac": ""},
        {"user": "", "time": 1.5, "nonce": "", "mac": ""},
        {"user": "", "time": 1 << 60, "nonce": "", "mac": ""},
        {"user": "", "time": 1, "nonce": b"", "mac": ""},
        {"user": "", "time": 1, "nonce": "", "mac": None},
        *({"user": text, "time": 1, "nonce": text, "mac": text} for text in ODD_TEXTS),
    ],
)
def test_rubbish_is_refused(clock: Clock, handshake: Any) -> None:
    with pytest.raises(RefusedError):
        SharedKeyCheck(KEY, clock=clock).authenticate(Peer(), handshake)


def test_a_handshake_counts_once(clock: Clock) -> None:
    check, shown = SharedKeyCheck(KEY, clock=clock), SharedKey(KEY).make_handshake("vault")
    check.authenticate(Peer(), shown)
    with pytest.raises(SecurityError, match="used before"):
        check.authenticate(Peer(), shown)


@pytest.mark.parametrize("seconds", [-61, 61])
def test_clocks_may_not_be_far_apart(clock: Clock, seconds: int) -> None:
    check = SharedKeyCheck(KEY, clock=Clock(clock.now - 1000))
    check._clock = Clock(clock.now + seconds)
    with pytest.raises(SecurityError, match="61 seconds apart"):
        check.authenticate(Peer(), SharedKey(KEY).make_handshake("vault"))


def test_the_window_can_be_changed(clock: Clock) -> None:
    check = SharedKeyCheck(KEY, window=100, clock=Clock(clock.now - 99))
    check.authenticate(Peer(), SharedKey(KEY).make_handshake("vault"))


def test_what_an_earlier_process_may_have_seen_is_refused(clock: Clock) -> None:
    shown = SharedKey(KEY).make_handshake("vault")
    clock.now += 5
    check = SharedKeyCheck(KEY, clock=clock)
    with pytest.raises(SecurityError, match="before this server was started"):
        check.authenticate(Peer(), shown)


def test_what_is_too_old_anyway_is_not_remembered(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "MOST_LOGINS", 3)
    check, key = SharedKeyCheck(KEY, clock=clock), SharedKey(KEY)
    for _ in range(3):
        check.authenticate(Peer(), key.make_handshake("vault"))
    with pytest.raises(SecurityError, match="too many"):
        check.authenticate(Peer(), key.make_handshake("vault"))
    clock.now += 121
    for _ in range(3):
        check.authenticate(Peer(), key.make_handshake("vault"))
    assert len(check._seen) <= 3


def test_who_knows_no_key_makes_the_daemon_remember_nothing(clock: Clock) -> None:
    check = SharedKeyCheck(KEY, clock=clock)
    with pytest.raises(RefusedError):
        check.authenticate(Peer(), SharedKey(OTHER).make_handshake("vault"))
    assert not check._seen


def test_a_forked_child_does_not_wait_for_the_parents_threads(clock: Clock) -> None:
    check = SharedKeyCheck(KEY, clock=clock)
    check._lock.acquire()
    check.after_fork()
    check.authenticate(Peer(), SharedKey(KEY).make_handshake("vault"))


@pytest.mark.parametrize(
    "answer", ["hello", None, {}, {"proof": None}, {"proof": "00" * 32}, {"proof": "\ud800"}]
)
def test_a_daemon_that_proves_nothing_is_not_talked_to(clock: Clock, answer: Any) -> None:
    key = SharedKey(KEY)
    with pytest.raises(SecurityError, match="has not proven"):
        key.check_answer(key.make_handshake("vault"), answer)


def test_a_daemon_cannot_send_back_what_it_was_shown(clock: Clock) -> None:
    key = SharedKey(KEY)
    shown = key.make_handshake("vault")
    with pytest.raises(SecurityError):
        key.check_answer(shown, {"handshake": "hello", "proof": shown["mac"]})


def test_a_key_stays_where_it_is(clock: Clock) -> None:
    key = SharedKey(KEY, "ada")
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(key)
    assert copy.copy(key) is copy.deepcopy(key) is key
    checks = SharedKeyCheck({"ada": KEY}), TokenCheck({"ada": KEY})
    assert KEY not in repr((key, *checks, key.make_handshake("vault")))


@pytest.mark.parametrize("key", ["", "short", b"short", "fifteen bytes.."])
def test_keys_that_can_be_guessed_are_refused(key: Any) -> None:
    for make in SharedKey, SharedKeyCheck, lambda key: TokenCheck({"ada": key}):
        with pytest.raises(ValueError, match="at least 16 bytes"):
            make(key)


def test_somebody_must_have_a_key() -> None:
    for make in SharedKeyCheck, TokenCheck:
        with pytest.raises(ValueError, match="nobody could be let in"):
            make({})


# -- the others


def test_a_token_says_who_it_is() -> None:
    check = TokenCheck({"ada": KEY, "bob": OTHER})
    assert check.authenticate(Peer(), KEY) == Login("ada")
    assert check.authenticate(Peer(), OTHER) == Login("bob")
    for handshake in [KEY + "x", KEY[:-1], "hello", None, KEY.encode(), {"ada": KEY}, *ODD_TEXTS]:
        with pytest.raises(RefusedError):
            check.authenticate(Peer(), handshake)


def test_without_a_proof_the_answer_is_the_daemons_own() -> None:
    assert Login("ada").complete("welcome") == "welcome"


def test_certificates_let_in_by_name() -> None:
    peer = Peer(peer_names=("ada.example", "Ada"))
    assert CertificateCheck().authenticate(peer, "hello") == Login("ada.example")
    assert CertificateCheck(["Ada"]).authenticate(peer, "hello") == Login("Ada")
    with pytest.raises(RefusedError):
        CertificateCheck(["bob"]).authenticate(peer, "hello")
    with pytest.raises(RefusedError) as caught:
        CertificateCheck().authenticate(Peer(), "hello")
    assert caught.value.reason == "no verified certificate"


def test_users_of_this_machine_let_in_by_number() -> None:
    peer = Peer(peer_credentials=PeerCredentials(1, 1000, 100))
    assert UnixUserCheck().authenticate(peer, "hello") == Login("uid:1000")
    assert UnixUserCheck([0, 1000]).authenticate(peer, "hello") == Login("uid:1000")
    for check, who in (UnixUserCheck([0]), peer), (UnixUserCheck(), Peer()):
        with pytest.raises(RefusedError):
            check.authenticate(who, "hello")


def test_one_of_several_is_enough() -> None:
    check = AnyOf(CertificateCheck(["ada"]), TokenCheck({"bob": KEY}))
    assert check.authenticate(Peer(peer_names=("ada",)), "hello").user == "ada"
    assert check.authenticate(Peer(), KEY).user == "bob"
    with pytest.raises(RefusedError) as caught:
        check.authenticate(Peer(), "hello")
    assert caught.value.reason == "no verified certificate; unknown token"
    with pytest.raises(RefusedError):
        AnyOf().authenticate(Peer(), "hello")


def test_who_is_known_but_late_is_told_by_several_too(clock: Clock) -> None:
    keys, shown = SharedKeyCheck(KEY, clock=clock), SharedKey(KEY).make_handshake("vault")
    check = AnyOf(keys, CertificateCheck())
    check.authenticate(Peer(), shown)
    with pytest.raises(SecurityError, match="used before"):
        check.authenticate(Peer(), shown)
