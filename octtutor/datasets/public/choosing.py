"""Which files of an archive are wanted, and what each is called here."""

import csv
import io
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from octtutor.datasets.layout import SPLITS
from octtutor.datasets.public.registry import FOLDERS, LISTED, MEDMNIST, ListedScan, PublicSet
from octtutor.errors import BadInputError

_PLAIN = re.compile(r"\w[\w .()+-]{0,200}")


class FileChoice:
    """What is wanted of a set, and what was left out of it because it is no known diagnosis."""

    def __init__(self, row: PublicSet, table: bytes | None = None) -> None:
        """Take a row, and the CSV of its labels where it has one.

        Raises:
            BadInputError: the table is none.
        """
        self._row = row
        self._by_content = {(scan.size, scan.crc): scan for scan in row.listed}
        self._told = _read_table(row, table) if table is not None else {}
        self._taken: set[str] = set()
        self.left_out: Counter[str] = Counter()
        """Scans by the set's own label."""
        self._choose = {
            LISTED: self._of_list,
            FOLDERS: self._of_folders,
            MEDMNIST: self._of_arrays,
        }.get(row.layout, self._of_table)

    def choose(self, name: str, size: int, crc: int | None) -> str | None:
        """Return what a file is to be called below the folder of the scans, see `Choose`."""
        path = PurePosixPath(name.replace("\\", "/"))
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
        if hidden or not _PLAIN.fullmatch(path.name):
            return None
        target = self._choose(path, size, crc)
        if target is None or target in self._taken:
            return None
        self._taken.add(target)
        return target

    def patients(self) -> dict[str, str]:
        """Return by what chosen files are called here the patients that a table tells."""
        return {
            target: self._told[PurePosixPath(target).stem][1]
            for target in self._taken
            if PurePosixPath(target).stem in self._told
        }

    def _of_list(self, path: PurePosixPath, size: int, crc: int | None) -> str | None:
        scan = self._by_content.get((size, crc if crc is not None else -1))
        return target_of(self._row, scan) if scan else None

    def _of_folders(self, path: PurePosixPath, size: int, crc: int | None) -> str | None:
        if not self._matches(path.as_posix()):
            return None
        label = self._labelled(path.parent.name)
        splits = [part.lower() for part in path.parts[:-1] if part.lower() in SPLITS]
        return "/".join([*splits[-1:], label, path.name]) if label else None

    def _of_arrays(self, path: PurePosixPath, size: int, crc: int | None) -> str | None:
        return path.name if self._matches(path.name) else None

    def _of_table(self, path: PurePosixPath, size: int, crc: int | None) -> str | None:
        if not self._matches(path.name):
            return None
        own, _ = self._told.get(path.stem, ("without a label", ""))
        label = self._labelled(own)
        return f"{label}/{path.name}" if label else None

    def _labelled(self, own: str) -> str | None:
        label = self._row.find_label(own)
        if label is None:
            self.left_out[own.split("/")[0]] += 1
        return label

    def _matches(self, name: str) -> bool:
        return any(fnmatchcase(name.lower(), p.lower()) for p in self._row.members)


def target_of(row: PublicSet, scan: ListedScan) -> str | None:
    """Return what a listed scan is called here."""
    path = PurePosixPath(scan.name)
    label = row.find_label(path.parent.name)
    return f"{label}/{path.name}" if label else None


def _read_table(row: PublicSet, table: bytes) -> dict[str, tuple[str, str]]:
    """Return by file name, without ending, the set's own label and the patient."""
    try:
        rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline="")))
        return {
            PurePosixPath(one["file_name"]).stem: (
                "/".join(one.get(part) or "" for part in ("disease", "subcategory", "condition")),
                one.get("patient_id") or "",
            )
            for one in rows
        }
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError) as error:
        raise BadInputError(
            f"Expected the labels of {row.name} as a CSV with file_name, disease, subcategory, "
            f"condition, patient_id. Received another file ({error}). See the set's page."
        ) from error
