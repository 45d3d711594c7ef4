"""A deck of eight diagnoses, for tests of what takes any scheme."""

from pathlib import Path

from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED
from octtutor.tutor.decks.deck_import import import_scans
from tests.conftest import write_scans

OCTDL = SHIPPED.get("octdl")


def write_eight(folder: Path) -> Path:
    """Write a folder with two scans under each key of octdl."""
    for place, path in enumerate(sorted(write_scans(folder / "drawn", 4).rglob("*.png"))):
        moved = folder / "eight" / OCTDL.keys[place // 2] / f"p{place}.png"
        moved.parent.mkdir(parents=True, exist_ok=True)
        path.rename(moved)
    return folder / "eight"


def import_eight(store, images, clock, folder: Path) -> str:
    """Import them, and return the deck's name."""
    import_scans(store, images, write_eight(folder), clock, "eight", naming=Naming(OCTDL))
    return "eight"
