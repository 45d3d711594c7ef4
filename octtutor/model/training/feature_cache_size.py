"""How large the feature cache is, what is in it, and what goes when it is full. No network."""

import json
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from octtutor.errors import SettingsError

FACTS = "facts.json"
_SPARE = 200_000_000
"""Bytes of the disk that are left free."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One key of the cache: a backbone's features of some scans."""

    key: str
    facts: dict[str, Any]
    bytes: int
    scans: int
    used: datetime


def list_kept(root: Path) -> tuple[Kept, ...]:
    """List what the cache holds, longest unused first."""
    folders = [path for path in root.glob("[!.]*") if path.is_dir()]
    return tuple(sorted((_kept(folder) for folder in folders), key=lambda kept: kept.used))


def clear(root: Path, now: datetime, older_than: timedelta | None = None) -> tuple[Kept, ...]:
    """Remove features; a run that is using them keeps what it has open.

    Args:
        root: the cache's folder.
        now: the present, UTC.
        older_than: only what was not used for so long; everything by default.

    Returns:
        What was removed.
    """
    gone = [k for k in list_kept(root) if older_than is None or now - k.used > older_than]
    for kept in gone:
        _remove(root / kept.key)
    for rest in root.glob(".gone-*"):
        shutil.rmtree(rest, ignore_errors=True)
    return tuple(gone)


def make_room(root: Path, key: str, need: int, most: int) -> None:
    """Make room for rows that are about to be computed; the longest unused keys go first.

    Args:
        root: the cache's folder.
        key: the key that will grow; it is not removed.
        need: bytes that it will grow by.
        most: the cache's size cap, bytes.

    Raises:
        SettingsError: they fit neither below the cap nor on the disk.
    """
    kept = list_kept(root)
    own = sum(k.bytes for k in kept if k.key == key)
    if own + need > most:
        raise SettingsError(
            f"Expected features of at most {_gb(most)} in the cache. These scans need "
            f"{_gb(need)} beside the {_gb(own)} of this backbone that are there. Take a head that "
            "pools first (gap-dense), fewer scans, `octtutor cache clear`, or a larger "
            "OCTTUTOR_FEATURES_GB."
        )
    others = [k for k in kept if k.key != key]
    while others and own + need + sum(k.bytes for k in others) > most:
        _remove(root / others.pop(0).key)
    free = shutil.disk_usage(next(p for p in (root, *root.parents) if p.exists())).free
    if need > free - _SPARE:
        raise SettingsError(
            f"Expected {_gb(need)} of free disk for the features of these scans. "
            f"{_gb(max(free - _SPARE, 0))} are free in {str(root)!r}. Free some space, or take a "
            "head that pools first (gap-dense)."
        )


def _kept(folder: Path) -> Kept:
    size, scans, facts = 0, 0, {}
    used = 0.0
    for path in folder.glob("*"):
        try:
            stat = path.stat()
            size += stat.st_size
            used = max(used, stat.st_mtime)
            if path.name == FACTS:
                facts = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # removed meanwhile, or damaged: what is left still counts
    row = _row_bytes(facts)
    scans = size // row if row else 0
    return Kept(folder.name, facts, size, scans, datetime.fromtimestamp(used, UTC))


def _row_bytes(facts: Any) -> int:
    try:
        bytes_ = 2
        for side in facts["shape"]:
            bytes_ *= int(side)
        return bytes_ + 32
    except (KeyError, TypeError, ValueError):
        return 0


def _remove(folder: Path) -> None:
    # out of sight at once, so that nobody opens a half-removed key
    gone = folder.with_name(f".gone-{uuid.uuid4().hex}")
    try:
        folder.rename(gone)
    except OSError:
        return  # another process was faster
    shutil.rmtree(gone, ignore_errors=True)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
