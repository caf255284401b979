"""The server: looks at what travels beside its calls, and sends something along itself."""

from typing import Any

from pyrolike.api import Daemon, current_context, expose


class Friendly(Daemon):
    """A daemon that annotates every reply."""

    def annotations(self) -> dict[str, bytes]:
        """Return what goes with each reply: names of four letters, and bytes."""
        return {"MENU": b"soup"}


@expose
class Inn:
    """Knows its guests by what they carry."""

    def look(self) -> dict[str, Any]:
        """Describe the call itself. In a method, `current_context` is that of its caller."""
        return {
            "guest": bytes(current_context.annotations.get("USER", b"nobody")).decode(),
            "call number": current_context.seq,
            "from": current_context.client_sock_addr[0],
            "chain": str(current_context.correlation_id)[:8],
        }

    def order(self, dish: str) -> str:
        """Annotate this one reply."""
        current_context.response_annotations = {"BILL": b"12"}
        return f"{dish}, coming"


def main() -> None:
    """Serve one inn."""
    with Friendly() as daemon:
        print("ready:", daemon.register(Inn(), "example.inn"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
