"""The registry of public sets: one row each in TOML, read with every fault by its line."""

import csv
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError

SHIPPED = Path(__file__).parent / "registry.toml"
ZIP, TAR_GZ = "zip", "tar.gz"
LISTED, FOLDERS, MEDMNIST, OCTDL = "listed", "folders", "medmnist", "octdl"
_FORMS = ("", ZIP, TAR_GZ)
_LAYOUTS = (LISTED, FOLDERS, MEDMNIST, OCTDL)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HEAD = re.compile(r"\s*\[\[\s*set\s*\]\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_/* -]+?)["']?\s*=""")


@dataclass(frozen=True, slots=True)
class Licence:
    """What one may do with a set."""

    name: str
    url: str
    """Empty where no licence is known."""
    text: str
    """In a sentence or two."""
    stands: str
    """Where it is said that this licence holds for the set."""

    @property
    def line(self) -> str:
        """Its name, and its address where it has one."""
        return f"{self.name}, {self.url}" if self.url else self.name


@dataclass(frozen=True, slots=True)
class ListedScan:
    """A scan of a set that is known by what it is, not by where it lies."""

    name: str
    """`LABEL/LABEL-PATIENT-N.jpeg`"""
    size: int
    """Bytes."""
    crc: int
    """CRC-32, as a ZIP's directory has it."""
    sha256: str


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A row: what a set is, whose, what one may do with it, and where it lies."""

    name: str
    title: str
    authors: str
    doi: str
    citation: str
    page: str
    licence: Licence
    device: str
    scheme: str
    """The list of diagnoses that its labels belong to."""
    layout: str
    """How its files tell label and patient: `listed`, `folders`, `medmnist` or `octdl`."""
    labels: tuple[tuple[str, str], ...]
    """(Pattern of the set's own label, diagnosis); what none matches is left out."""
    form: str = ""
    """`zip` or `tar.gz`; empty: by hand."""
    address: str = ""
    table: str = ""
    """Address of a CSV with the labels (layout `octdl`)."""
    known: date = date.min
    """When the address was last written down."""
    size: int = 0
    """Of the archive, bytes."""
    about: bool = False
    """The size is not known to the byte."""
    sha256: str = ""
    md5: str = ""
    """Of the whole archive, where known; checked when all of it travels."""
    scans: int = 0
    wanted: int = 0
    """Bytes of the wanted files, about."""
    members: tuple[str, ...] = ()
    """Patterns of the wanted files' names in the archive."""
    listed: tuple[ListedScan, ...] = ()
    deck: str = ""
    note: str = ""
    is_own: bool = False
    """Of the data home's own registry; its addresses may be private ones."""

    @property
    def by_hand(self) -> bool:
        """Whether it is only described, and fetched by hand."""
        return not self.address

    def find_label(self, own: str) -> str | None:
        """Return the diagnosis of one of the set's own labels; None where it is left out."""
        word = own.strip().lower()
        found = (label for pattern, label in self.labels if fnmatchcase(word, pattern.lower()))
        return next(found, None)


def read_registry(shipped: Path = SHIPPED, own: Path | None = None) -> tuple[PublicSet, ...]:
    """Read the shipped rows and, where the file is there, the user's own.

    Args:
        shipped: the program's registry.
        own: the user's; its rows take the place of shipped ones of the same name.

    Raises:
        BadInputError: a file is no TOML or a row has a fault; says file and line.
    """
    rows = {row.name: row for row in _read(shipped, False)}
    if own is not None and own.is_file():
        rows |= {row.name: row for row in _read(own, True)}
    return tuple(rows.values())


def find_set(sets: Iterable[PublicSet], name: str) -> PublicSet:
    """Return a set by its name.

    Raises:
        BadInputError: there is none.
    """
    rows = {row.name: row for row in sets}
    if name not in rows:
        raise BadInputError(
            f"Expected the name of a public set: {', '.join(rows)}. Received {name[:64]!r}. See "
            "`octtutor data list`."
        )
    return rows[name]


def _read(path: Path, is_own: bool) -> list[PublicSet]:
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:  # a TOML error says its line
        raise BadInputError(
            f"Expected a registry of public sets in TOML. {path.name!r} cannot be read ({error}). "
            "Mend or remove it."
        ) from error
    rows, licences = found.get("set", []), found.get("licences", {})
    if not isinstance(rows, list) or not isinstance(licences, dict):
        raise _fault(path, 1, "expected rows [[set]] and tables [licences.NAME]")
    if is_own:
        licences = tomllib.loads(SHIPPED.read_text("utf-8"))["licences"] | licences
    places = _places(text)
    read = [
        _Row(path, place, row, licences, is_own).read()
        for row, place in zip(rows, places, strict=False)
    ]
    for index, row in enumerate(read):
        if row.name in [earlier.name for earlier in read[:index]]:
            raise _fault(path, places[index]["name"], f"the name {row.name!r} is there twice")
    return read


class _Row:
    """One row being read: what is wrong in it is said with its line."""

    def __init__(
        self, path: Path, place: dict[str, int], raw: dict[str, Any], licences: Any, is_own: bool
    ) -> None:
        self._path, self._place, self._raw = path, place, raw
        self._licences, self._is_own = licences, is_own

    def read(self) -> PublicSet:
        name = self._text("name")
        if not _NAME.fullmatch(name):
            raise self._fault("name", "expected small letters, digits, - and _")
        row = PublicSet(
            name=name,
            title=self._text("title"),
            authors=self._text("authors"),
            doi=self._text("doi"),
            citation=self._text("citation"),
            page=self._address("page"),
            licence=self._licence(),
            device=self._text("device", ""),
            scheme=self._text("scheme"),
            layout=self._one_of("layout", _LAYOUTS),
            labels=self._labels(),
            form=self._one_of("form", _FORMS),
            address=self._address("address", ""),
            table=self._address("table", ""),
            known=self._kind("known", date, date.min),
            size=self._number("size"),
            about=self._kind("about", bool, False),
            sha256=self._text("sha256", ""),
            md5=self._text("md5", ""),
            scans=self._number("scans"),
            wanted=self._number("wanted"),
            members=tuple(self._kind("members", list, [])),
            listed=self._listed(),
            deck=self._text("deck", name),
            note=self._text("note", ""),
            is_own=self._is_own,
        )
        self._check(row)
        return row

    def _check(self, row: PublicSet) -> None:
        known = {*PublicSet.__dataclass_fields__, "list", "stands"}
        unknown = next((key for key in self._raw if key not in known), None)
        faults = (
            (unknown or "", unknown is not None, "there is no such field"),
            ("form", bool(row.address) != bool(row.form), "expected a form with each address"),
            ("list", row.layout == LISTED and not row.listed, "expected a list of scans"),
            ("layout", row.layout == LISTED and row.form == TAR_GZ, "a list is for ZIPs"),
            ("table", row.layout == OCTDL and bool(row.address) and not row.table, "expected it"),
            ("members", not (row.members or row.listed or row.by_hand), "expected patterns"),
            ("known", bool(row.address) and row.known == date.min, "expected a date"),
            ("deck", not _NAME.fullmatch(row.deck), "expected small letters, digits, - and _"),
        )
        for key, wrong, what in faults:
            if wrong:
                raise self._fault(key, what)

    def _labels(self) -> tuple[tuple[str, str], ...]:
        labels = self._kind("labels", dict, {})
        if not labels:
            raise self._fault("labels", "expected the set's labels and what each means")
        for own, label in labels.items():
            if label not in Diagnosis.__members__:
                raise self._fault(own, f"expected one of {', '.join(Diagnosis.__members__)}")
        return tuple((own, Diagnosis[label]) for own, label in labels.items())

    def _licence(self) -> Licence:
        name = self._text("licence")
        found = self._licences.get(name)
        if not isinstance(found, dict) or not {"url", "text"} <= found.keys():
            raise self._fault("licence", f"there is no [licences.{name!r}] with url and text")
        return Licence(name, str(found["url"]), str(found["text"]), self._text("stands"))

    def _listed(self) -> tuple[ListedScan, ...]:
        name = self._text("list", "")
        if not name:
            return ()
        path = self._path.parent / Path(name).name
        try:
            with (path if path.is_file() else SHIPPED.parent / Path(name).name).open() as file:
                return tuple(
                    ListedScan(
                        row["name"], int(row["bytes"]), int(row["crc32"], 16), row["sha256"].lower()
                    )
                    for row in csv.DictReader(file)
                )
        except (OSError, KeyError, TypeError, ValueError) as error:
            what = f"expected a CSV with name, bytes, crc32, sha256 ({error})"
            raise self._fault("list", what) from error

    def _text(self, key: str, default: str | None = None) -> str:
        value = str(self._kind(key, str, default)).strip()
        if not value and default is None:
            raise self._fault(key, "is empty")
        return value

    def _number(self, key: str) -> int:
        value = self._kind(key, int, 0)
        if isinstance(value, bool) or value < 0:
            raise self._fault(key, "expected a number, not below 0")
        return int(value)

    def _one_of(self, key: str, words: tuple[str, ...]) -> str:
        value = self._text(key, "" if "" in words else None)
        if value not in words:
            raise self._fault(key, f"expected one of {', '.join(filter(None, words))}")
        return value

    def _address(self, key: str, default: str | None = None) -> str:
        value = self._text(key, default)
        schemes = ("https", "http") if self._is_own else ("https",)
        if value and (urlsplit(value).scheme not in schemes or not urlsplit(value).netloc):
            raise self._fault(key, f"expected an address with {' or '.join(schemes)}://")
        return value

    def _kind(self, key: str, kind: type, default: Any) -> Any:
        if key not in self._raw:
            if default is None:
                raise self._fault(key, "is missing")
            return default
        value = self._raw[key]
        if not isinstance(value, kind):
            raise self._fault(key, f"expected {kind.__name__}, received {value!r}"[:120])
        return value

    def _fault(self, key: str, what: str) -> BadInputError:
        line = self._place.get(key, self._place["[[set]]"])
        return _fault(self._path, line, f"{key}: {what}")


def _places(text: str) -> list[dict[str, int]]:
    """Return for each row the line of its head and of each of its keys, from 1."""
    places: list[dict[str, int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if _HEAD.match(line):
            places.append({"[[set]]": number})
        elif places and (match := _KEY.match(line)):
            places[-1].setdefault(match[1], number)
        elif places and line.strip() == "[set.labels]":
            places[-1].setdefault("labels", number)
    return places


def _fault(path: Path, line: int, what: str) -> BadInputError:
    return BadInputError(f"{path.name}, line {line}: {what}. Mend that line.")


Reader = Callable[[], tuple[PublicSet, ...]]
"""Reads the registry anew: an own one may have changed."""
