"""What every test has: assertions that show what they compared, and Ctrl-C that works."""

import signal

import pytest

pytest.register_assert_rewrite("tests.support")

# A shell that starts us in the background has us ignore Ctrl-C, and the programs we start after us.
# They are to be ended by it, as by a person.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
