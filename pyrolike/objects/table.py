"""What a daemon serves: object ids, and what stands behind them.

An entry is made when something is registered, and holds what each call on it needs, so that a call
costs one dictionary access here.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Any

from pyrolike._forking import tell_of_forks
from pyrolike.errors import DaemonError, PyroError
from pyrolike.uri import URI

from .members import Members, get_members, reset_members

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION, SINGLE, PERCALL = "session", "single", "percall"


class Entry:
    """One registration.

    Attributes:
        object_id: Its id.
        instance: The object, or None where it must be fetched or made first: a class, a weak
            reference.
        clazz: The object's class, or the registered class.
        reference: Weak reference to the object, or None.
        mode: Instance mode of a registered class, or None.
        creator: Makes an instance of a registered class, or None for calling the class.
        single: The one instance of a class with mode "single", once it was made.
        lock: Held while *single* is made.
    """

    __slots__ = (
        "_members",
        "clazz",
        "creator",
        "instance",
        "lock",
        "mode",
        "object_id",
        "reference",
        "single",
    )

    def __init__(self, object_id: str, target: object, reference: weakref.ref[Any] | None) -> None:
        self.object_id = object_id
        self.reference = reference
        self.mode: str | None = None
        self.creator: Callable[[type], object] | None = None
        self.single: object = None
        self.lock = threading.RLock()
        self._members: tuple[bool, Members] | None = None  # what they were computed for, and they
        if isinstance(target, type):
            self.clazz: type = target
            self.instance: object = None
            self.mode, self.creator = getattr(target, "_pyroInstancing", (SESSION, None))
        else:
            self.clazz = type(target)
            self.instance = target if reference is None else None

    def get_members(self, require_expose: bool) -> Members:
        """Return what may be reached of the object; computed at the first call."""
        known = self._members  # one tuple: another thread may be putting a new one there
        if known is None or known[0] is not require_expose:
            known = self._members = require_expose, get_members(self.clazz, require_expose)
        return known[1]

    def forget_members(self) -> None:
        """Compute the members anew at the next call."""
        self._members = None


class ObjectTable:
    """Object ids and their entries.

    Registering may happen in any thread while others serve calls.

    Attributes:
        entries: Object id to entry: what calls look at.
        by_id: Object id to the registered object, class or weak reference: what programs look at.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.by_id: dict[str, Any] = {}
        self._lock = threading.RLock()  # holds entries and by_id together
        tell_of_forks(self)

    def after_fork(self) -> None:
        """Have a forked child not wait for a lock that nobody holds there."""
        self._lock = threading.RLock()

    def add(
        self, target: object, object_id: str | None, owner: object, *, force: bool, weak: bool
    ) -> str:
        """Register an object or a class and return its id.

        Args:
            target: The object or class. It gets the attributes ``_pyroId`` and ``_pyroDaemon``.
            object_id: The id it shall have; None or empty makes one up.
            owner: What becomes ``_pyroDaemon``.
            force: Replace whatever has that id, and register even if it is registered already.
            weak: Hold the object weakly, and forget it when it is gone.

        Raises:
            TypeError: The id is no text, or a class shall be held weakly, or the object cannot
                carry the two attributes.
            DaemonError: The id is taken, or the object is registered here already.
            PyroError: The id does not fit in a uri.
        """
        if object_id is not None and not isinstance(object_id, str):
            raise TypeError(f"an object id must be a text, not {type(object_id).__name__}")
        object_id = object_id or f"obj_{uuid.uuid4().hex}"
        check_object_id(object_id)
        if weak and isinstance(target, type):
            raise TypeError("a class cannot be registered weakly; only its instances could vanish")
        with self._lock:
            if not force:
                self._refuse_doubles(target, object_id)
            reference = weakref.ref(target, lambda _: self._vanish(object_id)) if weak else None
            _mark(target, object_id, owner)
            if isinstance(target, type) and not hasattr(target, "_pyroInstancing"):
                target._pyroInstancing = (SESSION, None)  # type: ignore[attr-defined]  # Pyro's name
            self.entries[object_id] = Entry(object_id, target, reference)
            self.by_id[object_id] = target if reference is None else reference
        return object_id

    def remove(self, object_id: str) -> None:
        """Forget an id, and take the two attributes from its object; unknown ids are ignored."""
        with self._lock:
            entry = self.entries.pop(object_id, None)
            self.by_id.pop(object_id, None)
        if entry is None:
            return
        target = entry.clazz if entry.mode else entry.instance
        if entry.reference is not None:
            target = entry.reference()
        if target is not None and _own_id(target) == object_id:
            del target._pyroId  # type: ignore[attr-defined]  # set by _mark
            del target._pyroDaemon  # type: ignore[attr-defined]

    def get(self, object_id: str) -> Entry:
        """Return the entry of *object_id*.

        Raises:
            DaemonError: There is none.
        """
        entry = self.entries.get(object_id)
        if entry is None:
            raise DaemonError("unknown object")
        return entry

    def find_id(self, target: object) -> str | None:
        """Return the id under which an object or class is registered here, or None."""
        object_id = _own_id(target) or getattr(target, "_pyroId", None)
        entry = self.entries.get(object_id) if isinstance(object_id, str) else None
        if entry is None:
            return None
        known = entry.reference() if entry.reference is not None else entry.instance
        if known is target or entry.clazz is target:
            return object_id
        return object_id if entry.mode and isinstance(target, entry.clazz) else None

    def forget_members(self) -> None:
        """Compute anew what may be reached of each object: a setting for it has changed."""
        for entry in list(self.entries.values()):
            entry.forget_members()

    def reset_members(self, object_id: str) -> None:
        """Compute what may be reached of one object anew: its class has changed.

        Raises:
            DaemonError: The id is unknown.
        """
        entry = self.get(object_id)
        reset_members(entry.clazz)
        self.forget_members()

    def clear(self) -> None:
        """Forget everything."""
        for object_id in list(self.entries):
            self.remove(object_id)

    def _refuse_doubles(self, target: object, object_id: str) -> None:
        known = _own_id(target)
        if known is not None and self.find_id(target) == known:
            raise DaemonError(
                f"this object is already registered here, as {known!r}; register(..., force=True) "
                "registers it once more"
            )
        if object_id in self.entries:
            raise DaemonError(
                f"an object is already registered under the id {object_id!r}; "
                "register(..., force=True) replaces it"
            )

    def _vanish(self, object_id: str) -> None:
        with self._lock:
            entry = self.entries.get(object_id)
            if entry is not None and entry.reference is not None and entry.reference() is None:
                del self.entries[object_id]
                self.by_id.pop(object_id, None)


def check_object_id(object_id: str) -> None:
    """Refuse an id that could not be written in a uri.

    Raises:
        PyroError: It has spaces or an @.
    """
    try:
        URI(f"PYRO:{object_id}@localhost:1")
        fits = "@" not in object_id
    except PyroError:
        fits = False
    if not fits:
        raise PyroError(
            f"{object_id!r} cannot be an object id: it has to fit into a uri, and so must not "
            "contain white space or an @"
        )


def _own_id(target: object) -> Any:
    """Return the id an object carries itself, not its class; None if it has none."""
    attributes = getattr(target, "__dict__", None)
    if attributes is None:
        return getattr(target, "_pyroId", None)  # a class with slots for the two attributes
    return attributes.get("_pyroId")


def _mark(target: object, object_id: str, owner: object) -> None:
    """Set the attributes by which an object knows where it is registered."""
    try:
        target._pyroId = object_id  # type: ignore[attr-defined]  # Pyro's public attributes
        target._pyroDaemon = owner  # type: ignore[attr-defined]
    except (AttributeError, TypeError) as fault:
        clazz = target if isinstance(target, type) else type(target)
        name = f"{clazz.__module__}.{clazz.__qualname__}"
        kind = f"the class {name}" if clazz is target else f"an object of class {name}"
        raise TypeError(
            f"{kind} cannot be registered, because attributes cannot be set on it (__slots__, or "
            "a built-in type): register a class of your own, or an object of one, that wraps it"
        ) from fault
