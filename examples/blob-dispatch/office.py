"""The post office: hands parcels on by what is written on them, and cannot look inside."""

from pyrolike.api import Daemon, Proxy, SerializedBlob, behavior, expose


@expose
@behavior(instance_mode="single")
class PostOffice:
    """Knows who takes the parcels for which town."""

    def __init__(self) -> None:
        self._takers: dict[str, Proxy] = {}

    def take_for(self, town: str, taker: Proxy) -> None:
        """Have all parcels for *town* brought to *taker*."""
        self._takers[town] = taker

    def post(self, blob: SerializedBlob) -> str:
        """Pass a parcel on; return where it went."""
        # `info` has been read for us; `data` is still the bytes that the sender has made, and goes
        # on as it came. That saves the work, and it is why this program can do without the class.
        town = blob.info
        print(f"something for {town}", flush=True)
        self._takers[town].receive(blob)
        return f"delivered in {town}"


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(PostOffice, "office"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
