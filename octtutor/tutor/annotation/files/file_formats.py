"""Which format a file has, and files written whole or not at all."""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from octtutor.core.scheme import Scheme
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError, SettingsError
from octtutor.limits import MAX_ANNOTATION_FILE_BYTES
from octtutor.tutor.annotation.files.annotated_scan import (
    AnnotatedScan,
    Sheet,
    base_name,
    load_json,
    shown,
)
from octtutor.tutor.annotation.files.coco import read_coco, write_coco
from octtutor.tutor.annotation.files.jsonl import read_jsonl, write_jsonl
from octtutor.tutor.annotation.files.labelstudio import read_label_studio, write_label_studio
from octtutor.tutor.annotation.files.masks import TABLE, read_masks, write_masks
from octtutor.tutor.annotation.files.oct2017_folder import can_teach, read_folder, write_folder
from octtutor.tutor.annotation.files.table import (
    CLICKS,
    read_clicks,
    read_csv,
    read_rows,
    write_csv,
)

FORMATS = ("csv", "jsonl", "coco", "masks", "folder", "labelstudio")
"""What can be written; `clicks` can be read too."""
FOLDERS = ("masks", "folder")
"""Formats of many files: a folder, or a ZIP."""
_READERS: dict[str, Callable[[bytes], Sheet]] = {
    "csv": read_csv,
    "clicks": read_clicks,
    "jsonl": read_jsonl,
    "coco": read_coco,
}
_WRITERS: dict[str, Callable[[Sequence[AnnotatedScan]], bytes]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "coco": write_coco,
    "labelstudio": write_label_studio,
}


def read_file(path: Path, format_: str | None = None, scheme: Scheme = OCT2017_SCHEME) -> Sheet:
    """Read a file, folder or archive of annotations.

    Args:
        path: where it is.
        format_: one of FORMATS or `clicks`; by default it is told from what is there.
        scheme: of the project; folders and choices are named by its diagnoses.

    Raises:
        BadInputError: it is not there, is too large, or is none of the formats.
    """
    if format_ in FOLDERS or (format_ is None and _is_many(path)):
        return _read_many(path, format_, None if scheme == OCT2017_SCHEME else Naming(scheme))
    data = _read_bytes(path)
    known = format_ or _guess(path, data)
    if known == "labelstudio":
        return read_label_studio(data, scheme.keys)
    return _READERS[known](data)


def write_file(
    out: Path,
    format_: str,
    scans: Sequence[AnnotatedScan],
    read: Callable[[str], bytes],
    readers: int = 1,
    synthetic: frozenset[str] = frozenset(),
) -> int:
    """Write annotated scans in a format, whole or not at all.

    Args:
        out: the file; for `masks` and `folder` a new folder, or a name that ends in .zip.
        format_: one of FORMATS.
        scans: what was annotated.
        read: returns a scan's own bytes by its SHA-256.
        readers: how many must agree on a scan that nobody settled, for `folder`.
        synthetic: SHA-256 of scans that were made and not taken, for `folder`.

    Returns:
        How many scans are in it.

    Raises:
        BadInputError: there is nothing to write, or something else at the place.
        SettingsError: it cannot be written.
    """
    kept = [scan for scan in scans if format_ != "folder" or can_teach(scan, readers)]
    if not kept:
        what = "is settled or agreed on" if scans or format_ == "folder" else "was read"
        raise BadInputError(
            f"Expected scans to write. Received none: no scan {what} in this project. Read or "
            "settle some first."
        )
    if format_ == "folder":
        write_many(out, write_folder(kept, read, readers, synthetic))
    elif format_ == "masks":
        write_many(out, write_masks(kept))
    elif out.is_dir():
        raise BadInputError(f"Expected a file's name. Received the folder {str(out)!r}. Add one.")
    else:
        write_atomically(out, _WRITERS[format_](kept))
    return len(kept)


def write_many(out: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write files as a new folder, or as a ZIP where the name ends so, whole or not at all.

    Args:
        out: what to write; a folder must be new or empty.
        files: names with `/` and their bytes.

    Returns:
        How many files it holds.

    Raises:
        BadInputError: the folder holds something.
        SettingsError: it cannot be written.
    """
    if out.suffix.lower() == ".zip":
        return _write_zip(out, files)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInputError(
            f"Expected a new or an empty folder, or a name that ends in .zip. Received "
            f"{str(out)!r}, which holds something. Choose another."
        )
    try:
        return _write_folder(out, files)
    except OSError as error:
        raise SettingsError(
            f"Cannot write {str(out)!r}: {error.strerror}. Free some space, or choose a folder you "
            "may write."
        ) from error


def _is_many(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")


def _read_many(path: Path, format_: str | None, naming: Naming | None) -> Sheet:
    with open_source(path) as members:
        has_table = any(base_name(member.name) == TABLE for member in members)
        is_masks = has_table if format_ is None else format_ == "masks"
        return read_masks(members) if is_masks else read_folder(members, naming)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_ANNOTATION_FILE_BYTES:
            raise BadInputError(
                f"Expected a file of at most {MAX_ANNOTATION_FILE_BYTES:,} bytes. {path.name!r} is "
                "larger. Export it in parts."
            )
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"Expected a file of annotations. {str(path)!r} cannot be read ({error.strerror}). "
            "Check the path."
        ) from error


def _guess(path: Path, data: bytes) -> str:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = read_rows(data)
        return "clicks" if rows and set(CLICKS) <= set(rows[0]) else "csv"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix == ".json":
        return "labelstudio" if isinstance(load_json(data, "annotations"), list) else "coco"
    raise BadInputError(
        f"Expected .csv, .jsonl, .json, .zip or a folder. Received {shown(path.name)}. Say "
        f"which it is with --format: {', '.join((*FORMATS, 'clicks'))}."
    )


def _write_zip(out: Path, files: Iterable[tuple[str, bytes]]) -> int:
    whole = io.BytesIO()
    count = 0
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
            count += 1
    write_atomically(out, whole.getvalue())
    return count


def _write_folder(out: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write into a folder beside the place, then move it there."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        count = 0
        for name, data in files:
            place = draft / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            count += 1
        draft.chmod(0o755)
        if out.exists():
            out.rmdir()
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return count
