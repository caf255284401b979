"""Draws the documentation's pictures: ``python -m docs.pictures.draw``, in a checkout.

With ``--photographs`` those of the gateway's page are taken, too; this needs a Chromium, and the
dependency group "browser". The plots are the benchmark's, see ``tests/benchmarks``.
"""

from __future__ import annotations

import sys

from . import FOLDER, draw_all

if __name__ == "__main__":
    draw_all(FOLDER)
    if "--photographs" in sys.argv[1:]:
        from .gateway import photograph

        photograph(FOLDER)
