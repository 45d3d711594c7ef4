"""Bring scans into the data home and the records, safely to repeat and to interrupt."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from octtutor.core.case import Case, Deck
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import decode
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import part_facts
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, SHIPPED, Schemes
from octtutor.datasets.sources import open_source, scans_of
from octtutor.datasets.volumes import VOLUME_SUFFIXES
from octtutor.errors import BadInputError, BadScanError
from octtutor.store.contract import DeckStore
from octtutor.tutor.ports import Clock, Images

Progress = Callable[[int, int], None]
EMBEDDED = "embedded"
_BATCH = 32
_SUFFIXES = (".npz", ".csv", *sorted(VOLUME_SUFFIXES))
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    deck: str
    scans: int
    """In the source."""
    added: int
    already: int
    """In the deck before, or twice in the source."""
    per_class: dict[str, int]
    patients: int
    conflicts: tuple[str, ...]
    """Scans that the deck holds under another label; the first label stays."""
    unreadable: tuple[str, ...]


def import_scans(
    store: DeckStore,
    images: Images,
    path: Path,
    clock: Clock,
    name: str | None = None,
    title: str | None = None,
    progress: Progress | None = None,
    naming: Naming | None = None,
    offered: bool | None = None,
    schemes: Schemes = SHIPPED,
) -> Imported:
    """Import a folder, ZIP or tar in OCT2017 layout as a deck.

    Files are stored by their SHA-256 and recorded in small batches: an interrupted import
    leaves a deck that is marked unfinished, and the same import goes on where it stopped.

    Args:
        store: the records.
        images: the scans on disk.
        path: the source; `masks/NAME` and `cases.csv` beside the classes are used if there.
        clock: the time of the import.
        name: the deck's, made from the path's by default.
        title: what people see; the name by default.
        progress: called with (done, total).
        naming: the scheme whose words the labels are; None: the keys of oct2017 alone.
        offered: whether trainees may choose the deck; None: a new one they may, one that is there
            stays as it is.
        schemes: those at hand, of which a message names the one that fits best.

    Returns:
        What was done.

    Raises:
        BadInputError: no scan, a scan without a known label, no readable scan, a bad name, or the
            deck is of another scheme.
        SettingsError: the data home cannot be written.
    """
    deck_name = check_deck_name(name or deck_name_for(path))
    images.sweep()
    with open_source(path) as members:
        known = store.find_deck(deck_name)
        scheme = naming.scheme if naming else OCT2017_SCHEME
        if known and _is_other(known, scheme, naming) and store.count_cases(deck_name):
            raise BadInputError(
                f"Expected scans of the scheme {known.scheme.name!r}, which the deck {deck_name!r} "
                f"has. Received {scheme.name!r}. Take another name with --as."
            )
        scans = scans_of(members, path, naming, schemes)
        extras = _Extras(members)
        deck = known or Deck(deck_name, deck_name, False, False, clock())
        deck = deck if offered is None else replace(deck, offered=offered)
        deck = replace(deck, scheme=scheme.stamp) if naming else deck
        titled = replace(deck, title=title or deck.title)
        run = _Run(store, images, titled, known, extras, scheme.keys)
        for done, member in enumerate(scans, start=1):
            run.take(member)
            if progress:
                progress(done, len(scans))
    return run.finish(len(scans), path)


def _is_other(deck: Deck, scheme: Scheme, naming: Naming | None) -> bool:
    """Whether a deck takes no labels of a scheme; a public set's are read by its own rules."""
    return deck.scheme != scheme.stamp and (naming is not None or not deck.source)


def check_deck_name(name: str) -> str:
    """Return the name when a deck can have it.

    Raises:
        BadInputError: it cannot.
    """
    if not _NAME.match(name):
        raise BadInputError(
            "Expected a deck name of small letters, digits, - and _, at most 63. "
            f"Received {name[:80]!r}. Give another (on the command line with --as)."
        )
    return name


def deck_name_for(path: Path) -> str:
    """Return the deck name that a file or folder suggests."""
    stem = path.resolve().name.lower()
    for suffix in (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", *_SUFFIXES):
        stem = stem.removesuffix(suffix)
    return re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-_")[:63] or "scans"


def _read_table(member: Member) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(member.read().decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            f"Expected {member.name!r} to be a CSV file in UTF-8. It cannot be read ({error}). "
            "Save it again, or remove it."
        ) from error


class _Extras:
    """Masks and `cases.csv` beside the scans, as `octtutor phantom make` writes them."""

    def __init__(self, members: tuple[Member, ...]) -> None:
        self.masks = {
            PurePosixPath(member.name).name: member
            for member in members
            if PurePosixPath(member.name).parent.name == "masks"
        }
        tables = [m for m in members if PurePosixPath(m.name).name == "cases.csv"]
        rows = _read_table(tables[0]) if tables else []
        self.facts = {PurePosixPath(row.get("file") or "").name: row for row in rows}

    def findings(self, name: str) -> tuple[str, ...]:
        words = (self.facts.get(name, {}).get("findings") or "").split("; ")
        return tuple(word for word in words if word)

    def is_synthetic(self, name: str) -> bool:
        return self.facts.get(name, {}).get("synthetic") == "true"


class _Run:
    """One import under way: takes the scans one by one, writes the cases in batches."""

    def __init__(
        self,
        store: DeckStore,
        images: Images,
        deck: Deck,
        known: Deck | None,
        extras: _Extras,
        keys: Sequence[str],
    ) -> None:
        self._store, self._images, self._extras = store, images, extras
        self._deck, self._known, self._keys = deck, known, keys
        self._held = {case.sha256: case for case in store.cases_of(deck.name)}
        self._waiting: list[Case] = []
        self._added = self._already = 0
        self._conflicts: list[str] = []
        self._unreadable: list[str] = []

    def take(self, member: Member) -> None:
        try:
            data = self._as_held(member.read())
            digest = hashlib.sha256(data).hexdigest()
            known = self._held.get(digest)
            if known is None:
                self._add(self._to_case(member, data))
            else:
                self._images.put(data)  # does nothing unless the file was lost
                self._find_mask(member)
                self._already += 1
                if known.label != member.place.label:
                    self._conflicts.append(member.name)
        except BadScanError as error:
            self._unreadable.append(str(error))

    def _as_held(self, data: bytes) -> bytes:
        """Return a slice without its file's facts, where it was imported so in 0.1."""
        _, bare = part_facts(data)
        return bare if hashlib.sha256(bare).hexdigest() in self._held else data

    def finish(self, scans: int, path: Path) -> Imported:
        self._flush()
        if not self._held:
            raise BadInputError(
                f"Expected readable scans in {path.name!r}. None of {scans} can be opened, e.g. "
                f"{self._unreadable[0]}"
            )
        cases = self._store.cases_of(self._deck.name)
        synthetic = all(case.synthetic for case in cases)
        self._put_deck(replace(self._deck, synthetic=synthetic, complete=True))
        return Imported(
            deck=self._deck.name,
            scans=scans,
            added=self._added,
            already=self._already,
            per_class={str(x): sum(case.label == x for case in cases) for x in self._keys},
            patients=len({case.patient for case in cases}),
            conflicts=tuple(self._conflicts),
            unreadable=tuple(self._unreadable),
        )

    def _to_case(self, member: Member, data: bytes) -> Case:
        scan = decode(data, member.name)
        name = PurePosixPath(member.name).name
        assert member.place.label is not None  # scans_of saw to it
        return Case(
            sha256=self._images.put(data),
            label=member.place.label,
            patient=member.place.patient or member.name,
            name=member.name,
            synthetic=self._extras.is_synthetic(name),
            findings=self._extras.findings(name),
            mask_sha256=self._find_mask(member, scan.shape),
        )

    def _find_mask(self, member: Member, shape: tuple[int, ...] | None = None) -> str | None:
        """Store the scan's mask, if it has one, and of its shape; return its hash."""
        place = PurePosixPath(member.name)
        mask = self._extras.masks.get(place.name) or self._extras.masks.get(f"{place.stem}.png")
        if mask is None:
            return None
        data = mask.read()
        found = decode(data, mask.name).shape
        if shape is not None and found != shape:
            raise BadScanError(
                f"Expected the mask {mask.name!r} to have its scan's size {shape[::-1]}. "
                f"Received {found[::-1]}. Draw it again, or remove it."
            )
        return self._images.put(data)

    def _add(self, case: Case) -> None:
        self._held[case.sha256] = case
        self._waiting.append(case)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._put_deck(replace(self._deck, complete=False))
            self._added += self._store.add_cases(self._deck.name, self._waiting)
            self._waiting = []

    def _put_deck(self, deck: Deck) -> None:
        if deck != self._known:
            self._store.put_deck(deck)
            self._known = deck
