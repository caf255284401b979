"""The registries of classes are global: every test gets them as the package made them."""

from collections.abc import Iterator

import pytest

from pyrolike.serializers import classes

REGISTRIES = ("_to_dict", "_not_for_serpent", "_from_dict", "_replacements", "_pyro_classes")


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    saved = {name: getattr(classes, name).copy() for name in REGISTRIES}
    makers = classes._pyro_makers.copy()
    yield
    for name, content in {**saved, "_pyro_makers": makers}.items():
        registry = getattr(classes, name)
        registry.clear()
        registry.update(content)
