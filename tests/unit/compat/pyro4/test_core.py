import pytest

import pyrolike
from pyrolike.compat.pyro4 import core
from pyrolike.objects import get_members


def test_a_class_is_exposed_with_its_instance_mode_as_early_pyro4_did() -> None:
    @core.expose(instance_mode="single", instance_creator=lambda clazz: clazz())
    class Thing:
        def method(self) -> None: ...

    assert get_members(Thing).methods == {"method"}
    mode, creator = Thing._pyroInstancing  # type: ignore[attr-defined]
    assert mode == "single"
    assert isinstance(creator(Thing), Thing)


def test_the_other_uses_are_ours() -> None:
    @core.expose
    class Thing:
        def method(self) -> None: ...

    @core.expose()
    class Other:
        def method(self) -> None: ...

    assert get_members(Thing).methods == get_members(Other).methods == {"method"}
    with pytest.raises(ValueError, match="instance_mode"):
        core.expose(instance_mode="sometimes")


def test_the_rest_is_ours() -> None:
    for name in set(core.__all__) - {"expose", "_locateNS", "_resolve"}:
        assert getattr(core, name) is getattr(pyrolike.core, name)
    with pytest.raises(AttributeError, match=r"'Pyro4\.core' has no attribute 'nothing'"):
        core.nothing  # noqa: B018
