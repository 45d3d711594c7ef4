"""What the events of step 6 of the tab Annotate do: files out and in, and a deck."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from octtutor.core.annotation.annotation import Project
from octtutor.reports.markup import paragraph
from octtutor.store.contract import Store
from octtutor.tutor.annotation.annotating import Annotating
from octtutor.tutor.annotation.deck_publishing import DeckPublisher
from octtutor.tutor.annotation.files.annotation_import import import_sheet
from octtutor.tutor.annotation.files.coco import write_coco
from octtutor.tutor.annotation.files.file_formats import read_file
from octtutor.tutor.annotation.files.jsonl import write_jsonl
from octtutor.tutor.annotation.files.labelstudio import write_label_studio
from octtutor.tutor.annotation.files.masks import write_masks
from octtutor.tutor.annotation.files.oct2017_folder import without_misread, write_folder
from octtutor.tutor.annotation.files.project_records import gather, known_controls
from octtutor.tutor.annotation.files.table import write_csv
from octtutor.tutor.ports import Clock, Images
from octtutor.ui.annotate.figures_views import publish_state, published_view
from octtutor.ui.annotate.project_handlers import find_project, is_project
from octtutor.ui.annotate.texts import ANNOTATE
from octtutor.ui.annotate.views import downloads_view, import_view
from octtutor.ui.shared.uploads import uploaded_file


class UseHandlers:
    """Use: a project's annotations as files and as a deck, and files that it takes in."""

    def __init__(
        self,
        annotating: Annotating,
        publisher: DeckPublisher,
        store: Store,
        images: Images,
        clock: Clock,
        uploads: Path,
    ) -> None:
        """Take the use cases, the records, the scans, a clock, and the folder of uploads."""
        self._do, self._publisher = annotating, publisher
        self._store, self._images = store, images
        self._clock, self._uploads = clock, uploads

    def export(self, project: Any, who: str) -> str:
        """Write all formats and return links that hold them."""
        order = find_project(self._store, project)
        files, faults = _write_all(self._store, self._images, order)
        if not files:
            return paragraph(ANNOTATE["export_none"])
        read = {entry.sha256 for entry in self._store.entries_in(order.name) if entry.who != who}
        unread = read & self._do.settling.hidden_from(order.name, who)
        return downloads_view(order.name, files, faults, len(unread))

    def bring_in(self, project: Any, upload: Any, who: str) -> str:
        """Import an uploaded file into a project, remove it, and return the report."""
        order = find_project(self._store, project)
        path, scheme = uploaded_file(upload, self._uploads), self._do.schemes.of(order.scheme)
        done = import_sheet(
            self._store,
            self._images,
            order,
            read_file(path, scheme=scheme),
            who,
            self._clock,
            keys=scheme.keys,
        )
        path.unlink(missing_ok=True)
        line = ANNOTATE["imported"].format(
            scans=done.scans, added=done.added, replaced=done.replaced, already=done.already
        )
        return import_view(line, done.faults)

    def publish_state(self, project: Any, who: str) -> str:
        """Draw how far a project is."""
        if not is_project(self._store, project):
            return paragraph(ANNOTATE["no_projects"])
        overview = next(one for one in self._do.projects.all(who) if one.project.name == project)
        return publish_state(overview, self._do.projects.figures(project).agreement)

    def publish(self, project: Any, deck: Any, title: Any) -> str:
        """Make a deck of a project and return the report."""
        order = find_project(self._store, project)
        name = str(deck or "").strip()
        return published_view(
            self._publisher.publish(order.name, name, str(title or "").strip() or order.title)
        )


def _write_all(
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


def _zip(files: Iterable[tuple[str, bytes]]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return whole.getvalue()
