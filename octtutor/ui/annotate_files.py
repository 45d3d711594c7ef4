"""A project's annotations as files that a page hands out, and a file that it takes."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from octtutor.core.annotation import Project
from octtutor.store.contract import Store
from octtutor.tutor.annotation_files.coco import write_coco
from octtutor.tutor.annotation_files.files import read_file
from octtutor.tutor.annotation_files.folder import without_misread, write_folder
from octtutor.tutor.annotation_files.jsonl import write_jsonl
from octtutor.tutor.annotation_files.labelstudio import write_label_studio
from octtutor.tutor.annotation_files.masks import write_masks
from octtutor.tutor.annotation_files.records import (
    Report,
    gather,
    import_sheet,
    known_controls,
)
from octtutor.tutor.annotation_files.table import write_csv
from octtutor.tutor.ports import Clock, Images


def write_all(
    store: Store, images: Images, project: Project
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return a project's files by what ends their names, and what could not be written.

    Without a reading there is no file.
    """
    sheet = gather(store, images, project)
    if not sheet.scans:
        return {}, sheet.faults
    synthetic = frozenset(c.sha256 for c in store.cases_of(project.deck) if c.synthetic)
    teaching = without_misread(sheet, known_controls(store, project), project.readers)
    folder = write_folder(
        teaching.scans,
        lambda sha256: images.place(sha256).read_bytes(),
        project.readers,
        synthetic,
    )
    files = {
        "csv": write_csv(sheet.scans),
        "jsonl": write_jsonl(sheet.scans),
        "coco.json": write_coco(sheet.scans),
        "labelstudio.json": write_label_studio(sheet.scans),
        "masks.zip": _zip(write_masks(sheet.scans)),
        "folder.zip": _zip(folder),
    }
    return files, teaching.faults


def bring_in(
    store: Store, images: Images, project: Project, path: Path, who: str, clock: Clock
) -> Report:
    """Import a file of any of the formats into a project's log.

    Raises:
        BadInputError: it is none of them.
    """
    return import_sheet(store, images, project, read_file(path), who, clock)


def _zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return whole.getvalue()
