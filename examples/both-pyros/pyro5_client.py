"""A client for Pyro5, with the real one."""

import sys

import Pyro5.api


def main(uri):
    """Have two cups."""
    with Pyro5.api.Proxy(uri) as teapot:
        print(teapot.pour("Ada"))
        print(teapot.pour("Grace"))


if __name__ == "__main__":
    main(sys.argv[1])
