"""The server: one daemon, one port, one object, for the clients of both Pyros."""

from pyrolike.api import Daemon, behavior, expose


@expose
@behavior(instance_mode="single")
class Teapot:
    """The remote object. Nothing in it says who may call."""

    def __init__(self) -> None:
        self._cups = 5

    def pour(self, name: str) -> str:
        """Pour a cup of tea."""
        if not self._cups:
            raise ValueError(f"no tea for {name}")
        self._cups -= 1
        return f"tea for {name}, {self._cups} left"


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Teapot, "teapot"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
