"""Modules whose names load on first use, and stand in them a second time, for type checkers."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType


def names_for_type_checkers(front: ModuleType) -> set[str]:
    """Return what the block under TYPE_CHECKING binds."""
    tree = ast.parse(Path(str(front.__file__)).read_text(encoding="utf-8"))
    block, _ = [node for node in tree.body if isinstance(node, ast.If)]
    bound: set[str] = set()
    for statement in block.body:
        if isinstance(statement, ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            bound |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return bound
