from pyrolike import nameserver, naming
from pyrolike.naming import cli, lookup


def test_pyro5s_names_are_the_objects_of_the_package_naming() -> None:
    shared = {"BroadcastServer", "MemoryStorage", "NameServer", "NameServerDaemon", "SqlStorage"}
    shared |= {"AutoCleaner", "start_ns", "start_ns_loop"}
    assert set(nameserver.__all__) == shared | {"lookup", "main", "yplookup"}
    for name in shared:
        assert getattr(nameserver, name) is getattr(naming, name)
    assert nameserver.lookup is lookup.lookup
    assert nameserver.yplookup is lookup.yplookup
    assert nameserver.main is cli.main
