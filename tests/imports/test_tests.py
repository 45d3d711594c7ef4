"""The tests' own manners: fixtures come from conftest.py, and private parts stay private."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = sorted((ROOT / "tests").rglob("*.py"))
ALLOWED = {
    "tests/browser/serve_outline.py": {"_data"},  # Gradio's: what the page sent with an event
    "tests/imports/test_tests.py": {"_order", "_shipped", "_LIMIT"},  # its own examples
}
SUPPRESSED = ("noqa: " + "F811", "noqa: " + "F401")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def private_parts(source: str) -> set[str]:
    """The private names that a file reaches for in others, in programs it starts, too."""
    return set(_private_parts(ast.parse(source)))


def _private_parts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from _reached(node)


def _reached(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            pass
        case ast.Attribute(attr=name) if is_private(name):
            yield name
        case ast.ImportFrom(module=module, names=names):
            parts = [*(module or "").split("."), *(alias.name for alias in names)]
            yield from filter(is_private, parts)
        case ast.Call(func=ast.Name(id="getattr" | "setattr") | ast.Attribute(attr="setattr")):
            words = [word.value for word in node.args[:2] if isinstance(word, ast.Constant)]
            parts = [part for word in words for part in str(word).split(".")]
            yield from filter(is_private, parts)
        case ast.Constant(value=str(text)) if "import octtutor" in text or "from octtutor" in text:
            yield from private_parts(text) if _is_program(text) else ()


def _is_program(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def fixtures_in(tree: ast.Module) -> set[str]:
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(one).startswith("pytest.fixture") for one in node.decorator_list)
    }


def test_no_test_reaches_into_private_parts():
    reached = {name_of(file): set(_private_parts(tree_of(file))) for file in FILES}
    assert {name: parts for name, parts in reached.items() if parts} == ALLOWED


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("store._engine.dispose()", {"_engine"}),
        ("from octtutor.phantom.deck import _order, write_deck", {"_order"}),
        ("from octtutor._shipped import models", {"_shipped"}),
        ("monkeypatch.setattr(module, '_LIMIT', 4)", {"_LIMIT"}),
        ("monkeypatch.setattr('octtutor.core.quiz._LIMIT', 4)", {"_LIMIT"}),
        ("PROGRAM = 'from octtutor.core import quiz; quiz._LIMIT = 4'", {"_LIMIT"}),
        ("class Fake:\n def read(self): return self._own, self.__dict__", set()),
    ],
)
def test_private_parts_are_found_however_they_are_reached(source: str, parts: set[str]):
    assert private_parts(source) == parts


def test_fixtures_are_imported_from_nowhere_and_nothing_hides_it():
    fixtures = {name_of(f)[:-3].replace("/", "."): fixtures_in(tree_of(f)) for f in FILES}
    imported = [
        (name_of(file), alias.name)
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ImportFrom) and node.module in fixtures
        for alias in node.names
        if alias.name in fixtures[node.module]
    ]
    assert imported == []
    hidden = [name_of(f) for f in FILES if any(word in f.read_text() for word in SUPPRESSED)]
    assert hidden == []
