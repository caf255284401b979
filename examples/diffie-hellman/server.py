"""The server: agrees on a key with each client, and believes only what is signed with it."""

import hmac

from agreement import Agreement, sign

from pyrolike.api import Daemon, behavior, expose


@expose
@behavior(instance_mode="session")
class Vault:
    """The remote object: each connection has one of its own, with its own key."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def agree(self, clients_public: int) -> int:
        """Tell each other the public numbers."""
        agreement = Agreement()
        self._key = agreement.make_key(clients_public)
        return agreement.public

    def order(self, text: str, signature: str) -> str:
        """Do something, if it is really meant."""
        if self._key is None or not hmac.compare_digest(sign(self._key, text), signature):
            raise PermissionError(f"{text!r} is not signed with our key")
        return f"done: {text}"


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Vault, "vault"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
