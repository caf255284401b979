"""What every test has: assertions in helper modules that show what they compared."""

import pytest

pytest.register_assert_rewrite("tests.support")
