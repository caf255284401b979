from pyrolike.naming.storage import MemoryStorage


def test_it_stays_readable_after_closing() -> None:
    storage = MemoryStorage()
    storage["x"] = "PYRO:a@h:1", None
    storage.close()
    assert storage["x"] == ("PYRO:a@h:1", frozenset())


def test_tags_are_copied_so_that_the_caller_cannot_change_them_later() -> None:
    storage = MemoryStorage()
    tags = {"a"}
    storage["x"] = "PYRO:a@h:1", tags
    tags.add("b")
    assert storage["x"] == ("PYRO:a@h:1", {"a"})


def test_its_repr_counts() -> None:
    storage = MemoryStorage()
    storage["x"] = "PYRO:a@h:1", None
    assert repr(storage) == "<MemoryStorage with 1 registrations>"


def test_tags_that_nobody_has_any_more_take_no_room() -> None:
    storage = MemoryStorage()
    for number in range(10):
        storage["x"] = "PYRO:a@h:1", {f"tag{number}", "always"}
    assert set(storage._names_of) == {"tag9", "always"}
    del storage["x"]
    assert storage._names_of == {}
