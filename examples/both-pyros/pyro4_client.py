"""A client for Pyro4, with the real one."""

import sys

import Pyro4


def main(uri):
    """Have two cups."""
    with Pyro4.Proxy(uri) as teapot:
        print(teapot.pour("Guido"))
        print(teapot.pour("Barbara"))


if __name__ == "__main__":
    main(sys.argv[1])
