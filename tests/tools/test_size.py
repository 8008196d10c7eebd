"""The product stays small enough to be known by one person (CONTRIBUTING.md, Style)."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = 120
"""Those of vt, handlers and bot that hold more than names: a package that only says what lives in it is none."""
LINES = 350
"""Of one module."""


def sources():
    return [path for package in ("vt", "handlers", "bot") for path in sorted((ROOT / package).rglob("*.py"))]


def holds_code(path):
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.parse(path.read_text("utf-8")).body
    )


def test_there_are_at_most_120_modules():
    """Who adds one looks first whether two others have become one subject."""
    assert len([path for path in sources() if path.name != "__init__.py" or holds_code(path)]) <= MODULES


def test_no_module_is_longer_than_350_lines():
    """A module of more lines has two subjects."""
    assert [str(path) for path in sources() if len(path.read_text("utf-8").splitlines()) > LINES] == []
