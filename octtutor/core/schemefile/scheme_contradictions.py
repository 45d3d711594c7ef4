"""What is wrong in a scheme's file, though each of its keys is what it may be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from octtutor.core.scheme import FEWEST, MOST, NOT_KEYS, SchemeMapping, fold
from octtutor.core.schemefile.scheme_tables import (
    KEY,
    NAME,
    NEEDED,
    NO_COUNTERPART,
    ConfusionTable,
    DiagnosisTable,
    SchemeTables,
)
from octtutor.core.tomlfile.tables import Place
from octtutor.core.validation import short

PlacedFaults = Iterator[tuple[Place, str]]
"""What is wrong, and the place of it."""


def find_missing(raw: dict[str, Any]) -> PlacedFaults:
    """Give what must be there and is not."""
    for name, keys in NEEDED.items():
        value = raw.get(name) if name else raw
        tables: dict[str, Any] = {name: value}
        if isinstance(value, list):
            tables = {f"{name}[{n}]": one for n, one in enumerate(value, 1)}
        for table, held in tables.items():
            for key in keys if isinstance(held, dict) else ():
                if key not in held:
                    yield (table, key), f"expected a {key!r}, received none"


def find_contradictions(raw: dict[str, Any], file: SchemeTables) -> PlacedFaults:
    """Give what each key allows but not all of them together."""
    yield from _find_miscount(raw.get("diagnosis", []))
    yield from _find_repeated(file.diagnosis)
    yield from _find_contradictory_diagnoses(file.diagnosis)
    if file.cost and file.cost.matrix and file.diagnosis:
        yield from _find_costly_faults(file.cost.matrix, len(file.diagnosis))
    yield from _find_misprinted(file)
    if all(one.key for one in file.diagnosis):  # a key with a fault is told of already
        keys = tuple(one.key for one in file.diagnosis)
        yield from _find_faults_of_confusions(file.confusion, keys)
        yield from _find_faults_of_mappings(file.mapping, keys)
        yield from _find_faults_of_ambiguous(file, keys)


def _find_miscount(diagnoses: Any) -> PlacedFaults:
    if isinstance(diagnoses, list) and not FEWEST <= len(diagnoses) <= MOST:
        where = f"diagnosis[{MOST + 1}]" if len(diagnoses) > MOST else "diagnosis"
        what = f"expected {FEWEST} to {MOST} tables [[diagnosis]], received {len(diagnoses)}"
        yield ("", where), what


def _find_repeated(diagnoses: Sequence[DiagnosisTable]) -> PlacedFaults:
    """Give keys, colours, shapes and words that are there twice."""
    numbered = list(enumerate(diagnoses, 1))
    seen = {("word", fold(one.key)): number for number, one in reversed(numbered) if one.key}
    for number, one in numbered:
        facts = [("key", one.key), ("colour", one.colour.lower()), ("shape", one.shape)]
        for kind, value in facts:
            first = seen.setdefault((kind, value), number) if value else number
            if first != number:
                what = f"diagnosis {number} has the {kind} of diagnosis {first}, {value!r}"
                yield (f"diagnosis[{number}]", kind), what
        for place, word in [("name", one.name), *(("synonyms", word) for word in one.synonyms)]:
            first = seen.setdefault(("word", fold(word)), number) if word else number
            if first != number:
                what = f"diagnosis {number} has a word of diagnosis {first}, {word!r}"
                yield (f"diagnosis[{number}]", place), what


def _find_contradictory_diagnoses(diagnoses: Sequence[DiagnosisTable]) -> PlacedFaults:
    normal = [number for number, one in enumerate(diagnoses, 1) if one.normal]
    for number in normal[1:]:
        what = f"expected one normal at most; diagnosis {normal[0]} is normal already"
        yield (f"diagnosis[{number}]", "normal"), what
    for number, one in enumerate(diagnoses, 1):
        table = f"diagnosis[{number}]"
        if one.normal and one.urgent:
            yield (table, "urgent"), "expected a normal that is not urgent"
        if one.key in NOT_KEYS:
            yield (table, "key"), f"{one.key!r} is an answer of its own; expected another key"


def _find_costly_faults(matrix: Sequence[Sequence[int]], size: int) -> PlacedFaults:
    place = ("cost", "matrix")
    if [len(row) for row in matrix] != [size] * size:
        lengths = ", ".join(str(len(row)) for row in matrix)
        what = f"expected {size} rows of {size}, one for each diagnosis, received rows of {lengths}"
        yield place, what
        return
    for number, row in enumerate(matrix):
        if row[number] != 0:
            what = f"expected 0 where the answer is the truth, received {row[number]}"
            yield place, f"{what} in row {number + 1}"


def _find_misprinted(file: SchemeTables) -> PlacedFaults:
    for number, one in enumerate(file.published, 1):
        table = f"published[{number}]"
        if one.kind == "weighted_error" and file.cost is None:
            yield (table, "kind"), "expected a [cost] by which errors are weighted, received none"
        lowest, highest = one.lowest, one.highest
        if lowest is not None and highest is not None and lowest > highest:
            what = f"expected at least {lowest}, the 'lowest', received {highest}"
            yield (table, "highest"), what


def _find_faults_of_confusions(
    confusions: Sequence[ConfusionTable], keys: Sequence[str]
) -> PlacedFaults:
    seen: set[frozenset[str]] = set()
    for number, one in enumerate(confusions, 1):
        place, pair = (f"confusion[{number}]", "between"), frozenset(one.between)
        if one.between and (len(pair) != 2 or len(one.between) != 2 or not pair <= set(keys)):
            received = short(one.between)
            yield place, f"expected two of {', '.join(keys)}, received {received}"
        elif pair in seen:
            yield place, f"there is a text for {' and '.join(one.between)} already"
        seen.add(pair or frozenset({str(number)}))


def _find_faults_of_mappings(mappings: Mapping[str, Any], keys: Sequence[str]) -> PlacedFaults:
    for name, pairs in mappings.items():
        if not NAME.fullmatch(name):
            what = f"expected a scheme's name of a-z, 0-9 and -, received {name[:64]!r}"
            yield ("mapping", name), what
        elif not isinstance(pairs, dict):
            yield ("mapping", name), f"expected a table [mapping.{name}], received {short(pairs)}"
        else:
            yield from _find_faults_of_pairs(f"mapping.{name}", pairs, keys)


def _find_faults_of_pairs(
    table: str, pairs: Mapping[str, Any], keys: Sequence[str]
) -> PlacedFaults:
    for key, there in pairs.items():
        if key not in keys:
            yield (table, key), f"unknown diagnosis {key[:60]!r}; expected {', '.join(keys)}"
        elif not isinstance(there, str) or not re.fullmatch(f"{KEY}|{NO_COUNTERPART}", there):
            what = f"expected a key of the other scheme or {NO_COUNTERPART!r}"
            yield (table, key), f"{what}, received {short(there)}"
    left = [key for key in keys if key not in pairs]
    if left:
        what = f"expected every diagnosis; {', '.join(left)} is not there"
        yield (table, ""), f"{what} (write {NO_COUNTERPART!r} where there is no counterpart)"


def _find_faults_of_ambiguous(file: SchemeTables, keys: Sequence[str]) -> PlacedFaults:
    said = {fold(word) for one in file.diagnosis for word in (one.key, one.name, *one.synonyms)}
    for word, meant in file.ambiguous.items():
        place = ("ambiguous", word)
        if not isinstance(meant, list) or len(meant) < 2 or not all(key in keys for key in meant):
            yield place, f"expected two or more of {', '.join(keys)}, received {short(meant)}"
        if fold(word) in said:
            yield place, f"{word[:60]!r} is a word of one diagnosis already"


def find_misfits(
    mapping: SchemeMapping, keys_of: Mapping[str, Sequence[str] | None]
) -> PlacedFaults:
    """Give what keeps a mapping from being followed.

    Args:
        mapping: of a scheme without faults.
        keys_of: the keys of every scheme at hand by its name; None where its file has faults.
    """
    table = f"mapping.{mapping.to}"
    if mapping.to not in keys_of:
        known = ", ".join(sorted(keys_of))
        yield (table, ""), f"there is no scheme {mapping.to!r} here; there are {known}"
        return
    there = keys_of[mapping.to]
    for key, other in mapping.pairs:
        if there is not None and other is not None and other not in there:
            what = f"scheme {mapping.to!r} has no {other!r}; expected {', '.join(there)}"
            yield (table, key), what
