from pyrolike.compat.names import PYRO4, PYRO5, STARTED, TABLES


def test_a_table_has_the_names_of_its_own_family() -> None:
    for family, table in TABLES.items():
        assert {name.partition(".")[0] for name in table} == {family}


def test_all_targets_are_ours() -> None:
    for target in [*PYRO4.values(), *PYRO5.values(), *STARTED.values()]:
        assert target.startswith("pyrolike.")
