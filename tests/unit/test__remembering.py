from pyrolike._remembering import Remembered


def test_what_is_kept_is_found_by_an_equal_key() -> None:
    remembered: Remembered[tuple[str, int], str] = Remembered(2)
    assert remembered.get(("a", 1)) is None
    remembered.keep(("a", 1), "first")
    assert remembered.get(("a", 1)) == "first"


def test_one_too_many_and_all_others_are_forgotten() -> None:
    remembered: Remembered[int, str] = Remembered(2)
    for number, word in enumerate(["no", "one", "two"]):
        remembered.keep(number, word)
    assert [remembered.get(number) for number in range(3)] == [None, None, "two"]
