"""``python -m pyrolike.naming``: run a name server."""

import sys

from .cli import main

sys.exit(main())
