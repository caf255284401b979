"""``python -m pyrolike``: all the commands."""

import sys

from pyrolike.commands.main import main

sys.exit(main())
