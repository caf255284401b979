"""Who is there? Proofs of identity for the handshake: what clients show, and what daemons check.

A daemon is given an `Authenticator`, a proxy a `Credential` as its ``_pyroHandshake``; or a value
that any Pyro5 client can make with a few lines of Python. Nothing of this changes the wire: it is
the value that Pyro's handshake carries anyway. This module knows no sockets: it asks a connection.

The shared key is never sent. The client sends who it is, the time, a number used once, and an
HMAC-SHA-256 over these and over the object it wants; the daemon answers with one over the client's,
which nobody makes without the key. So both know whom they talk to *when they shake hands*. What
follows is as safe as the connection: where others can write into connections, only with TLS.

Who fails is told nothing but that; the log of the daemon has the reason. A mistake of somebody who
has proven to know the key, such as a clock that is wrong, is told.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pyrolike._forking import tell_of_forks
from pyrolike.errors import SecurityError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = [
    "AnyOf",
    "Authenticator",
    "CertificateCheck",
    "Credential",
    "Login",
    "PeerCredentials",
    "RefusedError",
    "SharedKey",
    "SharedKeyCheck",
    "TokenCheck",
    "UnixUserCheck",
]

REFUSED = "authentication failed"
"""All that is told to who has proven nothing."""

SHORTEST_KEY = 16
"""Bytes of a key or token at least: who has seen one handshake may try keys at leisure."""

WINDOW = 60.0
"""Seconds that the clocks of client and daemon may be apart."""

MOST_LOGINS = 100_000
"""Handshakes remembered, so that none is taken twice. Beyond that new ones wait for old ones."""

LOGIN, PROOF = "pyrolike-login", "pyrolike-proof"
"""What a code is for comes first in it, so that none can be passed off as one of another kind."""


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """Who is at the other end of a Unix socket, as the system knows it.

    Attributes:
        pid: Number of the process that connected; it may have ended since.
        uid: Number of its user.
        gid: Number of its group.
    """

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Login:
    """An accepted proof.

    Attributes:
        user: Whose it is; ``current_context.client.user`` says so in each call.
        proof: What proves to the client that it talks to the right daemon, or None.
    """

    user: str
    proof: str | None = None

    def complete(self, answer: Any) -> Any:
        """Return what goes back to the client: the daemon's *answer*, with the proof if any."""
        return answer if self.proof is None else {"handshake": answer, "proof": self.proof}


class RefusedError(SecurityError):
    """Somebody has proven nothing, and is told no more than that.

    Attributes:
        reason: Why, for the daemon's log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(REFUSED)
        self.reason = reason


class Peer(Protocol):
    """What an authenticator may ask of a connection."""

    @property
    def objectId(self) -> Any:
        """The object that the client asks for."""

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        """Who the system says is there; None where it does not."""

    @property
    def peer_names(self) -> tuple[str, ...]:
        """The names in the client's certificate, which TLS has verified."""


class Authenticator(ABC):
    """Decides at the handshake who a client is. Give it to a daemon; several may share it."""

    @abstractmethod
    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Say who the client is.

        Args:
            connection: The client's.
            handshake: The proxy's ``_pyroHandshake``, whatever it is: a stranger chose it.

        Raises:
            RefusedError: Nobody who is let in. The client is told that it failed.
            SecurityError: Nobody either; the client gets the text.
        """


class Credential(ABC):
    """What a proxy shows when it connects, made anew each time: its ``_pyroHandshake``.

    It stays where it is: a proxy that is sent to somebody else is sent without.
    """

    @abstractmethod
    def make_handshake(self, object_id: str) -> Any:
        """Return the value to show for *object_id*."""

    @abstractmethod
    def check_answer(self, handshake: Any, answer: Any) -> Any:
        """Look at what the daemon proves with its answer.

        Args:
            handshake: What was shown to it.
            answer: What has come back.

        Returns:
            The answer of the daemon's ``validateHandshake``.

        Raises:
            SecurityError: It is the wrong daemon.
        """

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not to be sent or stored: it holds a secret")

    def __copy__(self) -> Credential:
        return self

    def __deepcopy__(self, memo: Any) -> Credential:
        return self


class SharedKey(Credential):
    """A key that client and daemon both have; the daemon's side is `SharedKeyCheck`.

    Args:
        key: At least 16 bytes, hard to guess: ``secrets.token_hex(32)`` makes one. A text counts
            as UTF-8.
        user: Whose key it is, where the daemon has several.
        audience: Where the daemon has one, the same text: so a handshake shown there is of no use
            elsewhere, even where the key is the same.

    Raises:
        ValueError: The key is too short.
    """

    def __init__(self, key: str | bytes, user: str = "", audience: str = "") -> None:
        self._key = _check_key(key)
        self.user = user
        self.audience = audience

    def __repr__(self) -> str:
        return f"<SharedKey of {self.user!r}>"

    def make_handshake(self, object_id: str) -> dict[str, Any]:
        """Return the value to show for *object_id*, once."""
        stamp, nonce = int(time.time()), secrets.token_hex(16)
        code = _sign(self._key, LOGIN, self.user, object_id, self.audience, stamp, nonce)
        return {"user": self.user, "time": stamp, "nonce": nonce, "mac": code}

    def check_answer(self, handshake: Any, answer: Any) -> Any:
        """Insist that the daemon knows the key; see `Credential.check_answer`."""
        proof = answer.get("proof") if isinstance(answer, dict) else None
        expected = _sign(self._key, PROOF, handshake["mac"])
        if not isinstance(proof, str) or not _are_equal(proof, expected):
            raise SecurityError(
                "the daemon has not proven to know the shared key: it is another one than you "
                "think, or was made without a SharedKeyCheck"
            )
        return answer.get("handshake")


class SharedKeyCheck(Authenticator):
    """Lets in who knows a shared key, each handshake once.

    What it has seen it remembers in its process only. Daemons in several processes, with the same
    keys and object ids, need an *audience* each, or a handshake that was overheard could be shown
    to each of them within the window.

    Args:
        keys: User names to keys; or one key that all share, whose user is ``""``.
        audience: See `SharedKey`.
        window: Seconds that the clocks may be apart.
        clock: Tells the time as `time.time` does.

    Raises:
        ValueError: There is no key, or one is too short.
    """

    def __init__(
        self,
        keys: Mapping[str, str | bytes] | str | bytes,
        audience: str = "",
        *,
        window: float = WINDOW,
        clock: Callable[[], float] = time.time,
    ) -> None:
        known = {"": keys} if isinstance(keys, (str, bytes)) else keys
        if not known:
            raise ValueError("there is no key: nobody could be let in")
        self._keys = {user: _check_key(key) for user, key in known.items()}
        self._audience = audience
        self._window = window
        self._clock = clock
        self._nobodys_key = secrets.token_bytes(32)
        # Handshakes of before could have been seen by an earlier process, and are not ours to know.
        self._start = int(clock())
        self._seen: dict[str, float] = {}  # codes, and until when to remember them; oldest first
        self._lock = threading.Lock()  # guards it
        tell_of_forks(self)

    def __repr__(self) -> str:
        return f"<SharedKeyCheck of {len(self._keys)} keys>"

    def after_fork(self) -> None:
        """Wait for no thread of the parent's, in a forked child."""
        self._lock = threading.Lock()

    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Check who it is; see `Authenticator.authenticate`."""
        user, stamp, nonce, code = _take_apart(handshake)
        # Somebody unknown takes as long as a wrong key.
        key = self._keys.get(user, self._nobodys_key)
        expected = _sign(key, LOGIN, user, str(connection.objectId), self._audience, stamp, nonce)
        if not _are_equal(code, expected) or user not in self._keys:
            raise RefusedError(f"wrong key, or not for this object, of user {user!r:.100}")
        self._check_time(stamp)
        self._use_once(code)
        return Login(user, _sign(key, PROOF, code))

    def _check_time(self, stamp: int) -> None:
        """Refuse what is not of now; who comes so far knows the key, and is told."""
        now = self._clock()
        if abs(now - stamp) > self._window:
            raise SecurityError(
                f"{REFUSED}: the clocks of client and server are {abs(now - stamp):,.0f} seconds "
                f"apart, or the handshake is old; at most {self._window:g} are allowed"
            )
        if stamp < self._start:
            raise SecurityError(
                f"{REFUSED}: the handshake was made before this server was started; try again"
            )

    def _use_once(self, code: str) -> None:
        now = self._clock()
        with self._lock:
            for old, end in list(islice(self._seen.items(), 2)):  # two go for each that comes
                if end < now:
                    del self._seen[old]
            if code in self._seen:
                raise SecurityError(f"{REFUSED}: this handshake was used before; make a new one")
            if len(self._seen) >= MOST_LOGINS:
                raise SecurityError(f"{REFUSED}: too many connections at once; try again later")
            self._seen[code] = now + 2 * self._window


class TokenCheck(Authenticator):
    """Lets in who shows a token: a text, as the proxy's ``_pyroHandshake``.

    The token itself goes over the wire, and is worth as much to who reads it there: use it with
    TLS, or on this machine only.

    Args:
        tokens: User names to tokens.

    Raises:
        ValueError: There is no token, or one is too short.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        if not tokens:
            raise ValueError("there is no token: nobody could be let in")
        self._tokens = {user: _digest(_check_key(token)) for user, token in tokens.items()}

    def __repr__(self) -> str:
        return f"<TokenCheck of {len(self._tokens)} tokens>"

    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Check who it is; see `Authenticator.authenticate`."""
        if not isinstance(handshake, str):
            raise RefusedError("no token")
        shown, found = _digest(handshake.encode("utf-8", "surrogatepass")), None
        for user, token in self._tokens.items():  # all of them, however early it is found
            if hmac.compare_digest(shown, token):
                found = user
        if found is None:
            raise RefusedError("unknown token")
        return Login(found)


class CertificateCheck(Authenticator):
    """Lets in by the names in a client's TLS certificate, which the TLS context has verified.

    Args:
        names: Those that are let in; None for all whose certificate was verified.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._names: Collection[str] | None = None if names is None else frozenset(names)

    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Check who it is; see `Authenticator.authenticate`."""
        names = connection.peer_names
        for name in names:
            if self._names is None or name in self._names:
                return Login(name)
        reason = f"a certificate for {names!r:.200}" if names else "no verified certificate"
        raise RefusedError(reason)


class UnixUserCheck(Authenticator):
    """Lets in users of this machine, by what the system says about the end of a Unix socket.

    Args:
        uids: Numbers of the users, or None for all. (A socket's file is private to its owner, all
            the same, as long as the program does not change its rights.)
    """

    def __init__(self, uids: Iterable[int] | None = None) -> None:
        self._uids: Collection[int] | None = None if uids is None else frozenset(uids)

    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Check who it is; the login's user is ``"uid:"`` and the number."""
        credentials = connection.peer_credentials
        if credentials is None:
            raise RefusedError("no Unix socket, or a system that does not say who is there")
        if self._uids is not None and credentials.uid not in self._uids:
            raise RefusedError(f"user number {credentials.uid}")
        return Login(f"uid:{credentials.uid}")


class AnyOf(Authenticator):
    """Lets in whom one of several lets in; they are asked in order.

    Args:
        checks: Those to ask.
    """

    def __init__(self, *checks: Authenticator) -> None:
        self._checks = checks

    def authenticate(self, connection: Peer, handshake: Any) -> Login:
        """Check who it is; see `Authenticator.authenticate`."""
        reasons = []
        for check in self._checks:
            try:
                return check.authenticate(connection, handshake)
            except RefusedError as fault:  # any other one is about somebody who is known
                reasons.append(fault.reason)
        raise RefusedError("; ".join(reasons) or "nobody is let in")


def _take_apart(handshake: Any) -> tuple[str, int, str, str]:
    """Return user, time, nonce and code of a shown key, of the right types at least."""
    if isinstance(handshake, dict) and len(handshake) == 4:
        user, stamp = handshake.get("user"), handshake.get("time")
        nonce, code = handshake.get("nonce"), handshake.get("mac")
        if (
            isinstance(user, str)
            and isinstance(stamp, int)
            and abs(stamp) < 1 << 53  # what json's readers agree on
            and isinstance(nonce, str)
            and isinstance(code, str)
        ):
            return user, stamp, nonce, code
    raise RefusedError("no handshake of a shared key")


def _sign(key: bytes, *parts: object) -> str:
    """Return the code of *parts*. As JSON: there is one way only to read it."""
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def _are_equal(one: str, other: str) -> bool:
    """Compare without telling by the time how much is equal."""
    encoded = one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    return hmac.compare_digest(*encoded)


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _check_key(key: str | bytes) -> bytes:
    value = key.encode() if isinstance(key, str) else bytes(key)
    if len(value) < SHORTEST_KEY:
        raise ValueError(
            f"a key or token needs at least {SHORTEST_KEY} bytes that nobody can guess; "
            "secrets.token_hex(32) makes one"
        )
    return value
