import pkgutil
import sys
from typing import Any

import pytest

from pyrolike.client import Proxy
from pyrolike.errors import NamingError, PyroError, RemoteError
from pyrolike.serializers import ExceptionWrapper, PickleSerializer
from pyrolike.serializers.pickled_names import find_global, reduce_for_pyro
from pyrolike.uri import URI

HAND_MADE = b"c%s\n%s\n."


def no_check(module: str, name: str) -> None:
    raise AssertionError(f"{module}.{name} is not Pyro's")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Pyro5.client.Proxy", Proxy),
        ("Pyro4.core.Proxy", Proxy),
        ("Pyro5.core.URI", URI),
        ("Pyro4.core.URI", URI),
        ("Pyro4.errors.NamingError", NamingError),
        ("Pyro5.errors.PyroError", PyroError),
        ("Pyro5.core._ExceptionWrapper", ExceptionWrapper),
        ("Pyro4.futures._ExceptionWrapper", ExceptionWrapper),
        ("pyrolike.errors.RemoteError", RemoteError),
        ("pyrolike.uri.URI", URI),
    ],
)
def test_the_classes_of_both_pyros_are_ours_in_a_pickle(name: str, meant: type) -> None:
    module, _, short = name.rpartition(".")
    assert find_global(module, short, no_check) is meant
    data = HAND_MADE % (module.encode(), short.encode())
    assert PickleSerializer().loads(data) is meant


def test_other_names_are_not_ours_to_explain() -> None:
    assert find_global("collections", "OrderedDict", no_check) is None
    assert find_global("Pyro5.core", "nothing", no_check) is None
    assert find_global("Pyro5.errors", "nothing", no_check) is None
    for name in ("uri.nothing", "uri.parse_uri", "__main__.main", "protocol.Message", "uri.sys"):
        module, _, short = f"pyrolike.{name}".rpartition(".")
        assert find_global(module, short, no_check) is None
    assert "pyrolike.__main__" not in sys.modules


def test_what_names_are_resolved_to_is_checked_however_often_that_is_asked_for() -> None:
    resolve = find_global("pkgutil", "resolve_name", no_check)
    again = resolve("pkgutil:resolve_name")
    for each in (resolve, again):
        assert each("Pyro4.core:URI") is URI
        for name in ("os:system", "os.system", "tests.support.things:Point.__init__"):
            with pytest.raises(AssertionError, match="is not Pyro's"):
                each(name)


def test_for_pyro5s_tags_our_own_names_are_written() -> None:
    data = PickleSerializer().dumps(URI("PYRO:a@h:1"))
    assert b"pyrolike.uri" in data


def test_for_a_pyro4_peer_its_names_are_written_and_none_of_ours() -> None:
    codec = PickleSerializer(tags="Pyro4")
    error = NamingError("lost")
    error.hint = "here"  # type: ignore[attr-defined]
    data = codec.dumps(
        [URI("PYRO:a@h:1"), Proxy("PYRO:a@h:1"), error, URI, ExceptionWrapper(error)]
    )
    assert b"pyrolike" not in data
    uri, proxy, error, clazz, wrapper = codec.loads(data)
    assert (uri, proxy, clazz) == (URI("PYRO:a@h:1"), Proxy("PYRO:a@h:1"), URI)
    assert (type(error), error.args, error.hint) == (NamingError, ("lost",), "here")
    assert isinstance(wrapper.exception, NamingError)


def test_an_error_that_only_we_have_goes_out_as_the_one_it_refines() -> None:
    codec = PickleSerializer(tags="Pyro4")
    assert type(codec.loads(codec.dumps(RemoteError("r")))) is PyroError


def test_what_is_not_pyros_is_pickled_as_ever() -> None:
    codec = PickleSerializer(tags="Pyro4")
    for value in ([1, {"a"}], ValueError("v"), dict, len):
        assert reduce_for_pyro(value, "Pyro4") is NotImplemented
        assert repr(codec.loads(codec.dumps(value))) == repr(value)


def test_other_names_are_resolved_as_python_does() -> None:
    data = PickleSerializer().dumps(_Resolved())
    assert PickleSerializer().loads(data) is len


class _Resolved:
    def __reduce__(self) -> Any:
        return pkgutil.resolve_name, ("builtins:len",)
