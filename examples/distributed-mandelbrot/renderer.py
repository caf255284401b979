"""A renderer: computes lines of the picture. Start one per processor, on as many machines."""

import sys

from pyrolike.api import Daemon, expose, locate_ns


def depth(c: complex, deepest: int) -> int:
    """Return how many steps z -> z * z + c takes until it runs away, and *deepest* at most."""
    z = 0j
    for step in range(deepest):
        if z.real * z.real + z.imag * z.imag > 4:
            return step
        z = z * z + c
    return deepest


@expose
class Renderer:
    """The remote object."""

    def line(self, corner: complex, step: float, width: int, deepest: int) -> list[int]:
        """Return the depths of one line of pixels."""
        return [depth(corner + x * step, deepest) for x in range(width)]


def main(number: str) -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon, locate_ns() as name_server:
        name = f"example.renderer.{number}"
        # The tag is what the client looks for: it need not know how many we are, and where.
        name_server.register(name, daemon.register(Renderer), metadata={"mandelbrot"})
        print(f"renderer {number} is ready", flush=True)
        daemon.requestLoop()
        name_server.remove(name)


if __name__ == "__main__":
    main(sys.argv[1])
