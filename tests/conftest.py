"""What every test has: assertions that show what they compared, Ctrl-C that works, and quiet.

The quiet is that of the network: who looks for a name server in a test asks no other machine.
"""

import os
import signal

import pytest

pytest.register_assert_rewrite("tests.support")

# A shell that starts us in the background has us ignore Ctrl-C, and the programs we start after us.
# They are to be ended by it, as by a person.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("PYRO_BROADCAST_ADDRS", "")
