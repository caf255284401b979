"""The serializers dill and cloudpickle: pickle that takes functions and classes along.

Each needs its package, and everything that is said of `pickle_codec` is true of them as well:
reading what they have written is executing it. Source: the serialization page of the reference.
"""

from __future__ import annotations

import pickle
from typing import Any

from .pickle_codec import PickleSerializer


class DillSerializer(PickleSerializer):
    """dill's pickle: functions, lambdas, local classes and modules too."""

    name = "dill"
    serializer_id = 201

    def __init__(self, *, protocol: int = -1, **options: Any) -> None:
        super().__init__(protocol=protocol, **options)

    def _load_classes(self) -> tuple[type[Any], type[Any]]:
        import dill

        return dill.Pickler, dill.Unpickler


class CloudpickleSerializer(PickleSerializer):
    """cloudpickle's pickle: functions, lambdas and local classes too."""

    name = "cloudpickle"
    serializer_id = 202

    def _load_classes(self) -> tuple[type[Any], type[Any]]:
        import cloudpickle

        return cloudpickle.Pickler, pickle.Unpickler
