"""A client with pyrolike, which speaks the protocol it is told to: 48 is Pyro4's, 502 Pyro5's."""

import sys

from pyrolike.api import Proxy


def main(uri: str, protocol: str, *names: str) -> None:
    """Have some cups."""
    with Proxy(uri) as teapot:
        # Usually a proxy is left to find out for itself what its daemon speaks.
        teapot._pyroProtocolVersion = int(protocol)
        for name in names:
            try:
                print(teapot.pour(name))
            except ValueError as error:
                print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
