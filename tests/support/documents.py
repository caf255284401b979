"""Reads the project's Markdown, so that what it promises can be executed.

A code block that a test or the continuous integration runs by itself has a name: an HTML comment on
the line above it, such as ``<!-- run: tests -->``. ``python -m tests.support.documents tests``
prints the README's block of that name, for a shell to run.

A page of the guide is run as a whole, see `run_page`: its Python blocks are one program, whose
comments say what comes out.

The module needs nothing but the standard library, because it is used before anything has been
installed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

NAMED_BLOCK = re.compile(
    r"^<!-- run: (?P<name>[^>]+?) -->\n```\w*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#]+)(?:#[^)]*)?\)")

BLOCK = re.compile(
    r"^(?:<!-- (?P<remark>[^>]+?) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
EXPECTATION = re.compile(r"# (?:-> (?P<shown>.+)|raises (?P<error>\w+)(?:: (?P<part>.+))?)")
EXPECTATION_START = re.compile(r"# ?(->|raises\b)")


def named_blocks(document: Path = README) -> dict[str, str]:
    """Return the code of each named block of *document*, by name.

    Raises:
        ValueError: Two blocks have the same name.
    """
    blocks: dict[str, str] = {}
    for match in NAMED_BLOCK.finditer(document.read_text("utf-8")):
        if match["name"] in blocks:
            raise ValueError(f"{document.name} has two blocks called {match['name']!r}")
        blocks[match["name"]] = match["code"]
    return blocks


def local_links(document: Path) -> list[Path]:
    """Return the files of this project that *document* links to."""
    targets = (match["target"] for match in LINK.finditer(document.read_text("utf-8")))
    return [document.parent / target for target in targets if "://" not in target]


# -- pages that are programs ----------------------------------------------------------------------


class PageError(AssertionError):
    """A page promises what does not happen. The text begins with page and line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        line: Number of its first line of code.
        language: What stands behind the three backquotes.
        remark: The HTML comment on the line above it, or None.
        code: Its lines.
    """

    line: int
    language: str
    remark: str | None
    code: str

    @property
    def is_run(self) -> bool:
        """Whether it is a part of its page's program."""
        return self.language == "python" and not (self.remark or "").startswith("not run: ")

    @property
    def is_output(self) -> bool:
        """Whether it shows what the program's block before it prints."""
        return self.remark == "prints"

    @property
    def is_error(self) -> bool:
        """Whether it shows the error in which the program's block before it ends."""
        return self.remark == "raises"


def find_blocks(document: Path) -> list[Block]:
    """Return the code blocks of *document* in order.

    Raises:
        PageError: A remark above one of them is none that means anything.
    """
    text = document.read_text("utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        remark = match["remark"]
        if remark is not None and not re.match(r"run: |not run: \S|(prints|raises)$", remark):
            raise PageError(f"{_place(document, line - 2)}: what is <!-- {remark} -->?")
        blocks.append(Block(line, match["language"], remark, match["code"]))
    return blocks


def run_page(document: Path, namespace: dict[str, Any]) -> int:
    """Run the Python blocks of *document* from top to bottom, as one program.

    Four things in it are promises, and checked:

    * ``expression  # -> text``: the expression's ``repr`` is the text. Three dots in it stand for
      anything.
    * ``statement  # raises NameOfTheClass: part of the message``: an exception of that class is
      raised, or of one derived from it, with that part in its text. The part may be left out.
    * ``<!-- prints -->`` above a block: this is what the Python block before it prints, to either
      of the two standard files; three dots stand for anything. A block that prints needs one.

    * ``<!-- raises -->`` above a block: this is the error in which the Python block before it ends,
      its class, a colon and its text; lines may be broken anywhere, and a port is any port.

    The first two may stand at any depth. A block under ``<!-- not run: reason -->``, or in another
    language, is left alone.

    Args:
        document: The page.
        namespace: Where the program's names go; they are still there when it has failed.

    Returns:
        How many promises were kept.

    Raises:
        PageError: One was not, or something was raised that nobody had announced.
    """
    namespace["__name__"] = "__main__"
    promises = _Promises(document)
    namespace["__promises__"] = promises
    blocks = find_blocks(document)
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if not block.is_run:
            continue
        printed = io.StringIO()
        is_doomed = following is not None and following.is_error
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                _run_block(document, block, promises, namespace)
            except PageError as fault:
                if not (is_doomed and fault.__cause__):
                    raise
                promises.check_error(following, fault.__cause__)
            else:
                if is_doomed:
                    raise promises.broken(block.line, "nothing is raised")
        if following is not None and following.is_output:
            promises.check_output(following, printed.getvalue())
        elif printed.getvalue():
            raise PageError(
                f"{_place(document, block.line)}: the page does not show what this block prints, "
                f"which is\n{printed.getvalue()}"
            )
    return promises.kept


def _run_block(
    document: Path, block: Block, promises: _Promises, namespace: dict[str, Any]
) -> None:
    source = "\n" * (block.line - 1) + block.code  # so that every line has its number on the page
    try:
        tree = promises.enter(source)
        exec(compile(tree, str(document), "exec", dont_inherit=True), namespace)
    except PageError:
        raise
    except SyntaxError as fault:
        raise PageError(f"{_place(document, fault.lineno or block.line)}: {fault.msg}") from fault
    except BaseException as fault:
        line = _line_of(document, fault.__traceback__) or block.line
        raise PageError(
            f"{_place(document, line)}: {type(fault).__name__} was raised: {fault}"
        ) from fault


def _line_of(document: Path, trace: TracebackType | None) -> int | None:
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(document):
            return trace.tb_lineno
        trace = trace.tb_next
    return None


def _place(document: Path, line: int) -> str:
    name = document.relative_to(ROOT) if document.is_relative_to(ROOT) else document.name
    return f"{name}:{line}"


class _Promises(ast.NodeTransformer):
    """Turns the comments of a page's program into checks, and makes them.

    Attributes:
        kept: How many were found to be true.
    """

    def __init__(self, document: Path) -> None:
        self.kept = 0
        self._document = document
        self._found: dict[ast.AST, tuple[int, re.Match[str]]] = {}

    def enter(self, source: str) -> ast.Module:
        """Return the program *source* with its checks in it."""
        tree = ast.parse(source, str(self._document))
        self._found = {}
        statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        for line, comment in _comments(source):
            match = EXPECTATION.fullmatch(comment)
            if match is None:
                if EXPECTATION_START.match(comment):
                    raise self.broken(line, f"this promises nothing that is understood: {comment}")
                continue
            around = [node for node in statements if _first_line(node) <= line <= _last_line(node)]
            # The innermost; of those that are equally long the last, which is the deepest.
            owner = min(reversed(around), key=lambda node: _last_line(node) - _first_line(node))
            if match["shown"] and not isinstance(owner, ast.Expr):
                raise self.broken(line, "only the value of an expression can be shown")
            self._found[owner] = line, match
        return ast.fix_missing_locations(self.visit(tree))

    def visit(self, node: ast.AST) -> Any:
        """Replace a statement that has a promise by one that checks it."""
        self.generic_visit(node)
        if node not in self._found:
            return node
        line, match = self._found[node]
        if match["shown"]:
            assert isinstance(node, ast.Expr)
            check = _call("shows", line, match["shown"].strip(), node.value)
            return ast.copy_location(ast.Expr(check), node)
        check = _call("raises", line, match["error"], (match["part"] or "").strip())
        return ast.copy_location(ast.With([ast.withitem(check)], [node]), node)

    def shows(self, line: int, text: str, value: object) -> None:
        """Check that *value* looks like *text*."""
        if not is_like(text, repr(value)):
            raise self.broken(line, f"the value is\n    {value!r}, not\n    {text}")
        self.kept += 1

    @contextlib.contextmanager
    def raises(self, line: int, name: str, part: str) -> Iterator[None]:
        """Check that the block raises an exception of the class *name*, with *part* in its text."""
        try:
            yield
        except BaseException as fault:
            names = {base.__name__ for base in type(fault).__mro__}
            if name not in names or part not in str(fault):
                found = f"{type(fault).__name__}: {fault}"
                raise self.broken(
                    line, f"what is raised is\n    {found}, not\n    {name}: {part}"
                ) from fault
            self.kept += 1
        else:
            raise self.broken(line, f"nothing is raised, expected was {name}")

    def check_output(self, block: Block, printed: str) -> None:
        """Check that *block* shows what was printed."""
        if not is_like(block.code, printed):
            raise self.broken(block.line, f"what is printed is\n{printed}")
        self.kept += 1

    def check_error(self, block: Block, fault: BaseException) -> None:
        """Check that *block* shows what was raised."""
        found = f"{type(fault).__name__}: {fault}"
        if not is_like(_one_line(block.code), _one_line(found)):
            raise self.broken(block.line, f"what is raised is\n{found}") from fault
        self.kept += 1

    def broken(self, line: int, what: str) -> PageError:
        """Return the error for a promise on *line*."""
        return PageError(f"{_place(self._document, line)}: {what}")


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _one_line(text: str) -> str:
    return re.sub(r":\d{4,5}\b", ":port", " ".join(text.split()))


def _call(method: str, *args: Any) -> ast.Call:
    function = ast.Attribute(ast.Name("__promises__", ast.Load()), method, ast.Load())
    values = [arg if isinstance(arg, ast.expr) else ast.Constant(arg) for arg in args]
    return ast.Call(function, values, [])


def is_like(expected: str, found: str) -> bool:
    """Say whether a text is the one expected, where three dots stand for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, found, re.DOTALL) is not None


# -- for shells -----------------------------------------------------------------------------------


def main(name: str) -> int:
    """Print the README's block called *name*; return the exit status."""
    blocks = named_blocks()
    if name not in blocks:
        print(f"README.md has no block called {name!r}, only {sorted(blocks)}", file=sys.stderr)
        return 1
    print(blocks[name], end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
