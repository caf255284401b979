"""From a registration to the object that a call is for: instance modes and weak references."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyrolike.errors import DaemonError

from .table import PERCALL, SINGLE

if TYPE_CHECKING:
    from .table import Entry

log = logging.getLogger("pyrolike.server")


def obtain_instance(entry: Entry, session_instances: dict[type, object]) -> object:
    """Return the object behind *entry*, made now if its instance mode asks for that.

    Args:
        entry: A registration whose `instance` is None.
        session_instances: Instances that belong to the caller's connection; a new one is added.

    Raises:
        DaemonError: The registration was weak and its object is gone.
        TypeError: The class's instance creator made something else.
        Exception: Whatever making the instance raised. Nothing is kept then: the next call tries
            again.
    """
    if entry.reference is not None:
        instance: object = entry.reference()
        if instance is None:
            raise DaemonError("unknown object: the weakly registered object is gone")
        return instance
    if entry.mode == PERCALL:
        return _create(entry)
    if entry.mode == SINGLE:
        return _obtain_single(entry)
    instance = session_instances.get(entry.clazz)
    if instance is None:
        instance = session_instances[entry.clazz] = _create(entry)
    return instance


def _obtain_single(entry: Entry) -> object:
    instance = entry.single
    if instance is None:
        with entry.lock:
            instance = entry.single
            if instance is None:
                instance = entry.single = _create(entry)
    return instance


def _create(entry: Entry) -> object:
    clazz = entry.clazz
    try:
        instance = entry.creator(clazz) if entry.creator is not None else clazz()
    except Exception:
        log.exception("creating an instance of %s failed", clazz)
        raise
    if not isinstance(instance, clazz):
        raise TypeError(
            f"the instance creator of {clazz.__module__}.{clazz.__qualname__} "
            f"made an object of type {type(instance).__qualname__}"
        )
    return instance
