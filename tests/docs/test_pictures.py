"""The pictures show what is: each is drawn again, and what it names exists."""

from __future__ import annotations

import importlib
import re
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.pictures.draw import DRAWINGS, FOLDER, call, draw_all, floors, states
from docs.pictures.draw.canvas import Canvas, wrap
from tests.benchmarks import pictures
from tests.support.processes import ROOT

DIAGRAMS = (states.CONNECTION, states.SESSION, states.STREAM)
FIGURES = dict(pictures.pictures())

MANDELBROT = ROOT / "examples" / "distributed-mandelbrot"


def test_the_drawings_are_those_that_their_scripts_draw(tmp_path: Path) -> None:
    draw_all(tmp_path)
    for name in DRAWINGS:
        kept = (FOLDER / f"{name}.svg").read_text("utf-8")
        drawn = (tmp_path / f"{name}.svg").read_text("utf-8")
        assert kept == drawn, f"{name} is stale: python -m docs.pictures.draw"


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.name)
def test_the_plots_show_the_figures_on_the_page(path: Path) -> None:
    assert path.read_text("utf-8") == FIGURES[path]


def test_there_is_a_plot_of_small_calls_and_one_for_each_axis() -> None:
    assert len(FIGURES) == 7


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.svg")), ids=lambda path: path.name)
def test_a_drawing_has_a_title_a_card_and_two_sets_of_colours(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ElementTree.fromstring(text)
    assert tree.findtext("{*}title")
    assert "prefers-color-scheme:dark" in text
    width, height = (float(tree.get(side, "0")) for side in ("width", "height"))
    assert tree.get("viewBox") == f"0 0 {width:g} {height:g}"
    for one in tree.iterfind(".//{*}text"):
        assert 0 < float(one.get("x", "0")) < width
        assert 0 < float(one.get("y", "0")) < height


@pytest.mark.parametrize(
    "path", sorted([*FOLDER.glob("*.svg"), *FOLDER.glob("*.png")]), ids=lambda path: path.name
)
def test_a_picture_is_small_and_shown_with_words_for_those_who_cannot_see_it(path: Path) -> None:
    assert path.stat().st_size < 150_000
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "README.md"]
    shown = [
        alternative
        for page in pages
        for alternative, target in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text("utf-8"))
        if (page.parent / target).resolve() == path
    ]
    assert shown
    assert all(len(alternative) > 15 for alternative in shown)


NAMES = sorted(
    {name for step in call.STEPS for name in step.names}
    | {name for one in DIAGRAMS for change in one.changes for name in change.names}
)


@pytest.mark.parametrize("name", NAMES)
def test_the_functions_that_a_picture_follows_exist(name: str) -> None:
    module, _, path = name.partition(":")
    found: object = importlib.import_module(f"pyrolike.{module}")
    for part in path.split("."):
        found = getattr(found, part)
    assert callable(found)


@pytest.mark.parametrize("step", call.STEPS, ids=lambda step: step.words)
def test_the_functions_that_a_step_is_said_to_call_are_the_ones_it_names(step: call.Step) -> None:
    said = re.findall(r"(\w+)\(", step.words)
    known = {name.rpartition(":")[2].rpartition(".")[2] for name in step.names}
    known |= {"add", "get"}  # the program's own, and that of a table
    assert set(said) <= known


def test_the_words_of_the_states_are_those_of_the_code() -> None:
    for module, diagram, words in (
        ("client/channel.py", states.CONNECTION, ("open", "retired")),
        ("server/session.py", states.SESSION, ("new", "open", "finished")),
        ("objects/streams.py", states.STREAM, ("owner", "linger")),
    ):
        text = (ROOT / "pyrolike" / module).read_text("utf-8")
        shown = " ".join(f"{state.name} {state.meaning}" for state in diagram.states)
        for word in words:
            assert word in text
            assert word.removesuffix("er") in shown


# -- the floors


def test_every_module_has_its_place_in_the_picture() -> None:
    drawn = (FOLDER / "architecture.svg").read_text("utf-8")
    for floor in floors.read_map():
        for path in floor.modules:
            assert f">{Path(path).stem}</text>" in drawn


def test_arrows_go_down_and_say_nothing_twice() -> None:
    stairs = floors.find_stairs(floors.read_map())
    assert all(lower < upper for upper, lower in stairs)
    assert (5, 4) in stairs
    assert (5, 0) not in stairs, "that follows from the others"


def test_an_import_upwards_is_refused() -> None:
    upside_down = [
        floors.Floor(0, "server", "", ["server/daemon.py"]),
        floors.Floor(1, "words", "", ["errors.py", "configure.py"]),
    ]
    with pytest.raises(ValueError, match=r"server/daemon\.py imports from floor 1"):
        floors.find_stairs(upside_down)


def test_names_are_set_in_lines_that_are_not_too_long() -> None:
    lines = wrap(["alpha", "beta", "gamma"], 80, 10)
    assert [[name for _, name in line] for line in lines] == [["alpha", "beta"], ["gamma"]]


def test_an_arrow_ends_along_an_axis() -> None:
    with pytest.raises(ValueError, match="along one of the axes"):
        Canvas("a", 10).arrow([(0, 0), (5, 5)])


# -- the small calls


def test_who_did_not_take_part_has_no_bar(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- figures: works -->\n"
        "| work | serializer | raw | pyrolike | Pyro5 | pyrolike / raw | Pyro5 / raw |\n"
        "|---|---|---|---|---|---|---|\n"
        "| small call add(3, 4) | json | 2,000 | 1,000 | - | 0.50 | - |\n"
        "<!-- end of figures -->\n",
        "utf-8",
    )
    pictures.draw_all(page, tmp_path / "new", tmp_path / "new")
    [path] = (tmp_path / "new").iterdir()
    assert path.name == pictures.CALL_FILE
    text = path.read_text("utf-8")
    assert "1,000 calls/s" in text
    assert "Pyro5" not in text


def test_a_page_without_figures_makes_no_picture(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", "utf-8")
    assert list(pictures.pictures(page)) == []


# -- the Mandelbrot set


def test_the_picture_of_the_example_is_the_one_it_paints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some of its lines are painted again."""
    monkeypatch.syspath_prepend(str(MANDELBROT))
    names = ("draw", "renderer", "png")
    draw, renderer, _ = (importlib.import_module(name) for name in names)
    for name in names:
        del sys.modules[name]
    data = (FOLDER / "mandelbrot.png").read_bytes()
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    start = data.index(b"IDAT") + 4
    pixels = zlib.decompress(data[start : start + int.from_bytes(data[start - 8 : start - 4])])
    step = draw.WIDTH_OF_VIEW / width
    corner = draw.CENTRE - complex(width, height) * step / 2
    for y in (0, 40, height - 1):
        line = renderer.Renderer().line(corner + complex(0, y * step), step, width, draw.DEEPEST)
        painted = bytes(part for depth in line for part in draw.colour(depth))
        assert pixels[y * (3 * width + 1) + 1 : (y + 1) * (3 * width + 1)] == painted
