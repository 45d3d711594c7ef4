"""Reading a scheme's file: the scheme, or every fault with its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from octtutor.core.scheme import (
    CostMatrix,
    PublishedFigure,
    Scheme,
    SchemeDiagnosis,
    SchemeMapping,
)
from octtutor.core.schemefile.scheme_contradictions import (
    find_contradictions,
    find_misfits,
    find_missing,
)
from octtutor.core.schemefile.scheme_tables import (
    INNER,
    NAME,
    NO_COUNTERPART,
    DiagnosisTable,
    PublishedTable,
    SchemeTables,
)
from octtutor.core.tomlfile.fault import Fault
from octtutor.core.tomlfile.places import Places
from octtutor.core.tomlfile.tables import Place, check_tables
from octtutor.core.tomlfile.toml_text import read_tables, read_text
from octtutor.limits import MAX_SCHEME_FILE_BYTES


@dataclass(frozen=True, slots=True)
class SchemeFile:
    """What was read of a scheme's file."""

    scheme: Scheme | None
    """None where the file has faults of its own."""
    faults: tuple[Fault, ...]
    """By line."""
    text: str = field(default="", repr=False)


def read_scheme(name: str, data: bytes) -> SchemeFile:
    """Read a scheme's file.

    What its mappings say of other schemes is left unchecked: see `check_mappings`.

    Args:
        name: the file's name without `.toml`.
        data: what is in it.
    """
    text = read_text(data, MAX_SCHEME_FILE_BYTES)
    if isinstance(text, Fault):
        return SchemeFile(None, (text,))
    raw = read_tables(text)
    if isinstance(raw, Fault):
        return SchemeFile(None, (raw,), text)
    file, found = check_tables(SchemeTables, INNER, raw)
    wrong = [*found.items(), *find_missing(raw), *find_contradictions(raw, file)]
    faults = _place(wrong, text)
    if not NAME.fullmatch(name):
        what = f"expected a name of a-z, 0-9 and -, received {name[:64]!r}"
        faults = (Fault(0, what), *faults)
    return SchemeFile(None if faults else _to_scheme(name, file), faults, text)


def check_mappings(file: SchemeFile, keys_of: Mapping[str, Sequence[str] | None]) -> SchemeFile:
    """Leave out the mappings that fit no scheme at hand, and tell why.

    Args:
        file: as it was read.
        keys_of: the keys of every scheme at hand by its name; None where its file has faults.
    """
    if file.scheme is None:
        return file
    fitting, wrong = [], []
    for mapping in file.scheme.mappings:
        found = list(find_misfits(mapping, keys_of))
        wrong += found
        fitting += [] if found else [mapping]
    return SchemeFile(
        replace(file.scheme, mappings=tuple(fitting)),
        (*file.faults, *_place(wrong, file.text)),
        file.text,
    )


def _place(wrong: Sequence[tuple[Place, str]], text: str) -> tuple[Fault, ...]:
    places = Places(text)
    faults = [Fault(places.of(*where), what) for where, what in wrong]
    return tuple(sorted(faults, key=lambda fault: fault.line))


def _to_scheme(name: str, file: SchemeTables) -> Scheme:
    """Return the scheme of a file without faults."""
    assert file.version is not None  # it is needed
    return Scheme(
        name=name,
        version=file.version,
        title=file.title,
        diagnoses=tuple(map(_to_diagnosis, file.diagnosis)),
        source=file.source,
        allows_ungradable=file.ungradable,
        allows_none_of_these=file.none_of_these,
        costs=CostMatrix(tuple(map(tuple, file.cost.matrix)), file.cost.source)
        if file.cost
        else None,
        published=tuple(map(_to_figure, file.published)),
        confusions=tuple((frozenset(one.between), one.text) for one in file.confusion),
        mappings=tuple(_to_mapping(*one, file) for one in file.mapping.items()),
        ambiguous=tuple((word, tuple(keys)) for word, keys in file.ambiguous.items()),
    )


def _to_diagnosis(table: DiagnosisTable) -> SchemeDiagnosis:
    return SchemeDiagnosis(
        key=table.key,
        name=table.name,
        colour=table.colour.lower(),
        shape=table.shape,
        description=table.description,
        synonyms=tuple(table.synonyms),
        is_normal=table.normal,
        is_urgent=table.urgent,
        look_for=table.look_for,
        signs=tuple(table.signs),
    )


def _to_figure(table: PublishedTable) -> PublishedFigure:
    assert table.lowest is not None  # it is needed
    highest = table.lowest if table.highest is None else table.highest
    return PublishedFigure(table.who, table.kind, table.lowest, highest, table.source)


def _to_mapping(to: str, pairs: dict[str, str], file: SchemeTables) -> SchemeMapping:
    own = (one.key for one in file.diagnosis)
    there = {key: None if other == NO_COUNTERPART else other for key, other in pairs.items()}
    return SchemeMapping(to, tuple((key, there[key]) for key in own))
