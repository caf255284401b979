"""The server: lends a greeter to everybody who knows its name."""

from pyrolike.api import Daemon, expose, locate_ns


@expose
class Greeter:
    """The remote object. `expose` is what makes its methods callable from elsewhere."""

    def greet(self, name: str) -> str:
        """Return a greeting for *name*."""
        return f"Hello, {name}! Pleased to meet you over the network."


def main() -> None:
    """Serve a greeter until somebody presses Ctrl-C."""
    with Daemon() as daemon:
        uri = daemon.register(Greeter)
        with locate_ns() as name_server:
            name_server.register("example.greeting", uri)
        print(f"example.greeting is ready: {uri}", flush=True)
        daemon.requestLoop()
    print("stopped")


if __name__ == "__main__":
    main()
