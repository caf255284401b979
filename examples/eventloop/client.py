"""The client: sends measurements by UDP, and reads them by remote calls."""

import socket
import sys

from pyrolike.api import Proxy


def main(place: str) -> None:
    """Talk to the station that the name server at *place* (host:port) knows."""
    device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with device, Proxy(f"PYRONAME:example.station@{place}") as station:
        print("reading:", station.read())
        for measurement in b"21.5 degrees", b"22.0 degrees":
            device.sendto(measurement, ("127.0.0.1", station.port))
            print("reading:", station.read())
        station.close()


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the name server (host:port)? "))
