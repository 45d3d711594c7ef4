"""What the house looks like, in figures: rooms, names, lines and function bodies.

    python tools/house.py [--json]

Information, not a gate: `make check` prints it. Counted over `octtutor/`, migrations left out of
names, for each has its `upgrade`.
"""

import ast
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "octtutor"
OF_A_TAB = {"page", "handlers", "views", "texts"}
"""Modules that every tab's folder may have."""
MIRRORS = ("store.contract", "store.sql", "testing.stores")
"""Rooms that have a file for each of the store's five contracts, by its name."""


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file of the package, read and parsed."""

    path: Path
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """Dotted, below `octtutor`."""
        return ".".join(self.path.relative_to(PACKAGE).with_suffix("").parts)


def read_modules(package: Path = PACKAGE) -> list[Module]:
    """Read every module of the package but migrations."""
    found = []
    for path in sorted(package.rglob("*.py")):
        if "migrations" not in path.parts:
            source = path.read_text("utf-8")
            found.append(Module(path, len(source.splitlines()), ast.parse(source)))
    return found


def modules_per_folder(modules: list[Module]) -> dict[str, int]:
    """Count modules by folder, `__init__` left out, the fullest first."""
    count = Counter(
        str(module.path.parent.relative_to(PACKAGE))
        for module in modules
        if module.path.stem != "__init__"
    )
    return dict(count.most_common())


def names_twice(modules: list[Module]) -> dict[str, dict[str, list[str]]]:
    """Return the names of modules and of classes that stand for two things or more."""
    files, classes = defaultdict(list), defaultdict(list)
    for module in modules:
        is_mirror = module.name.rpartition(".")[0] in MIRRORS
        if module.path.stem not in OF_A_TAB | {"__init__"} and not is_mirror:
            files[module.path.stem].append(module.name)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(module.name)
    return {
        "modules": {name: at for name, at in sorted(files.items()) if len(at) > 1},
        "classes": {name: at for name, at in sorted(classes.items()) if len(at) > 1},
    }


def lines_per_room(modules: list[Module]) -> dict[str, int]:
    """Add up lines by room: the first folder, and in `model`, `tutor` and `ui` the second."""
    count: Counter[str] = Counter()
    for module in modules:
        count["/".join(_room(module.name.split(".")[:-1]))] += module.lines
    return dict(sorted(count.items()))


def _room(folders: list[str]) -> list[str]:
    return folders[: 2 if folders and folders[0] in ("model", "tutor", "ui") else 1] or ["."]


def body_lengths(modules: list[Module]) -> list[int]:
    """Return the lines of every function's body, docstring left out, in ascending order."""
    return sorted(length for module in modules for length in _bodies(module.tree))


def _bodies(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def measure() -> dict[str, Any]:
    """Measure the package."""
    modules = read_modules()
    bodies = body_lengths(modules)
    long = {m.name: m.lines for m in modules if m.lines > 400}
    return {
        "modules": len(modules),
        "lines": sum(module.lines for module in modules),
        "modules_per_folder": modules_per_folder(modules),
        "names_twice": names_twice(modules),
        "lines_per_room": lines_per_room(modules),
        "modules_over_400_lines": dict(sorted(long.items(), key=lambda each: -each[1])),
        "functions": {
            "count": len(bodies),
            "median": median(bodies),
            "p90": quantiles(bodies, n=10)[-1],
            "max": bodies[-1],
        },
    }


def print_lines(figures: dict[str, Any]) -> None:
    """Print the figures, a line each."""
    print(f"{figures['lines']:,} lines in {figures['modules']} modules")
    folder, most = next(iter(figures["modules_per_folder"].items()))
    print(f"modules per folder: at most {most} ({folder})")
    for kind, twice in figures["names_twice"].items():
        words = "; ".join(f"{name} ({', '.join(at)})" for name, at in twice.items())
        print(f"names of {kind} that occur twice: {len(twice)}{': ' + words if words else ''}")
    rooms = ", ".join(f"{room} {lines:,}" for room, lines in figures["lines_per_room"].items())
    print(f"lines per room: {rooms}")
    long = ", ".join(f"{name} {n}" for name, n in figures["modules_over_400_lines"].items())
    print(f"modules over 400 lines: {len(figures['modules_over_400_lines'])}: {long}")
    bodies = figures["functions"]
    print(
        f"{bodies['count']:,} function bodies: median {bodies['median']:g} lines, p90 "
        f"{bodies['p90']:g}, longest {bodies['max']}"
    )


if __name__ == "__main__":
    found = measure()
    print(json.dumps(found, indent=1)) if "--json" in sys.argv[1:] else print_lines(found)
