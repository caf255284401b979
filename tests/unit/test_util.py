from pyrolike import errors, serializers, util


def test_pyro4s_names_are_ours() -> None:
    assert util.getPyroTraceback is errors.get_pyro_traceback is util.get_pyro_traceback
    assert util.formatTraceback is errors.format_traceback
    assert util.SerializerBase is serializers.SerializerBase


def test_a_remote_traceback_is_in_the_text() -> None:
    try:
        raise ValueError("here")
    except ValueError as error:
        error._pyroTraceback = ["there\n"]  # type: ignore[attr-defined]
        text = "".join(util.getPyroTraceback())
    assert "ValueError: here" in text
    assert "there" in text


def test_everything_it_lists_is_there() -> None:
    for name in util.__all__:
        assert getattr(util, name) is not None
