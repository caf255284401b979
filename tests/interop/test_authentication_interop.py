"""A stock Pyro5 client proves who it is to our daemon, with the standard library only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyrolike.api import Daemon, current_context, expose
from pyrolike.authentication import AnyOf, SharedKeyCheck, TokenCheck
from tests.support.daemon import running_daemon

pytestmark = pytest.mark.interop

KEY = "an unguessable key, more or less"
TOKEN = "a token that nobody can guess"

CLIENT = """
import hashlib, hmac, json, secrets, sys, time
import Pyro5.api
from Pyro5.errors import CommunicationError

uri, key, token, serializer = sys.argv[1:]
Pyro5.config.SERIALIZER = serializer

def sign(*parts):
    return hmac.new(key.encode(), json.dumps(parts).encode(), hashlib.sha256).hexdigest()

def login(user, object_id, audience=""):
    stamp, nonce = int(time.time()), secrets.token_hex(16)
    code = sign("pyrolike-login", user, object_id, audience, stamp, nonce)
    return {"user": user, "time": stamp, "nonce": nonce, "mac": code}

class Sceptic(Pyro5.api.Proxy):
    def _pyroValidateHandshake(self, response):
        expected = sign("pyrolike-proof", self._pyroHandshake["mac"])
        print(response["handshake"], hmac.compare_digest(response["proof"], expected))

with Sceptic(uri) as proxy:
    for _ in range(2):
        proxy._pyroHandshake = login("ada", "vault")
        print(proxy.whoami())
        proxy._pyroRelease()
    try:
        proxy.whoami()
    except CommunicationError as fault:
        print(fault)
with Pyro5.api.Proxy(uri) as proxy:
    proxy._pyroHandshake = token
    print(proxy.whoami())
    try:
        proxy.forbidden()
    except Exception as fault:
        print(type(fault).__name__, fault)
    print(proxy.whoami())
with Pyro5.api.Proxy(uri) as proxy:
    try:
        proxy.whoami()
    except CommunicationError as fault:
        print(fault)
"""


@expose
class Vault:
    def whoami(self) -> str | None:
        user: str | None = current_context.client.user
        return user

    def forbidden(self) -> None:
        raise AssertionError("it was called")


class Guarded(Daemon):
    def permit_call(self, conn: object, objectId: str, member: str, access: str) -> bool:
        return member != "forbidden"


@pytest.mark.slow
@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_a_stock_client_proves_who_it_is(serializer: str) -> None:
    check = AnyOf(SharedKeyCheck({"ada": KEY}), TokenCheck({"bob": TOKEN}))
    with running_daemon({"vault": Vault()}, daemon_class=Guarded, authenticator=check) as running:
        result = subprocess.run(
            [sys.executable, "-c", CLIENT, str(running.uri("vault")), KEY, TOKEN, serializer],
            capture_output=True,
            text=True,
            timeout=60,
            env={name: text for name, text in os.environ.items() if not name.startswith("PYRO")},
            check=False,
        )
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[:4] == ["hello True", "ada"] * 2
    assert lines[4].endswith(
        "authentication failed: this handshake was used before; make a new one"
    )
    assert lines[5:8] == ["bob", "SecurityError not permitted to 'bob': call 'forbidden'", "bob"]
    assert lines[8].endswith("rejected: authentication failed")
