"""What the words of folders and tables mean in a scheme, and what to do with those unknown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from octtutor.core.scheme import Scheme, fold
from octtutor.datasets.layout import SPLITS, Place, complete_place, read_place, without_slice
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.scheme_registry import (
    DEFAULT_SCHEME,
    OCT2017_SCHEME,
    SHIPPED,
    Schemes,
)
from octtutor.errors import BadInputError

_NAMED = 6
"""Unknown words that a message names; it counts the others."""
OTHER_SCHEME = "Most are words of another scheme: import with --scheme {name}."


@dataclass(frozen=True, slots=True)
class Naming:
    """How the words beside scans become the keys of a scheme."""

    scheme: Scheme
    meanings: dict[str, str] = field(default_factory=dict)
    """Key by word, folded: what the user says a word means."""
    skip_unknown: bool = False
    """Whether a scan without a known word is left out; else it is refused."""

    def find(self, word: str) -> str | None:
        """Return the key that a word means, None where none.

        Raises:
            BadInputError: it may mean several.
        """
        if key := self.meanings.get(fold(word)):
            return key
        found = self.scheme.find_by_word(word)
        return found.key if found else None

    def name(self, member: Member) -> Member:
        """Return a member with the label that its words mean (see `find` for what it raises)."""
        told = member.place
        place = complete_place(read_place(member.name, self.find), told.row, self.find)
        return replace(member, known=replace(place, patient=place.patient or told.patient))


def read_meanings(pairs: Iterable[str], scheme: Scheme) -> dict[str, str]:
    """Read what the user says words mean, `MH=VID` each; the right side is a word of the scheme.

    Raises:
        BadInputError: one is no such pair, or names no diagnosis of the scheme.
    """
    found = {}
    for pair in pairs:
        word, _, meant = pair.partition("=")
        key = scheme.find_by_word(meant)
        if not fold(word) or key is None:
            raise BadInputError(
                f"Expected WORD=KEY, the key one of {', '.join(scheme.keys)}. Received "
                f"{pair[:60]!r}. Write it so."
            )
        found[fold(word)] = key.key
    return found


def refuse_unknown(
    unknown: Sequence[Member],
    scans: Sequence[Member],
    naming: Naming | None,
    schemes: Schemes,
) -> BadInputError:
    """Return the error of scans without a known label: which words, how often, and what fits.

    Args:
        unknown: those of the scans.
        scans: all.
        naming: what their words were read by; None: the keys of oct2017 alone.
        schemes: those that may fit better.
    """
    scheme = naming.scheme if naming else OCT2017_SCHEME
    counted = list_words(count_words((one.name, one.place) for one in unknown))
    listed = f": {counted}" if counted else ""
    nearest = nearest_scheme(count_words((one.name, one.place) for one in scans), naming, schemes)
    fits = f" {OTHER_SCHEME.format(name=nearest)}" if nearest else ""
    return BadInputError(
        f"Expected every scan under a folder named {', '.join(scheme.keys)}, named "
        f"LABEL-PATIENT-N, or in a CSV in UTF-8 (file, label). Received {len(unknown)} of "
        f"{len(scans)} without a known label{listed}, e.g. {unknown[0].name!r}.{fits} Rename or "
        "remove them, or import with --map WORD=KEY or --skip-unknown."
    )


def open_naming(
    schemes: Schemes, name: str | None, meanings: Iterable[str] = (), skip_unknown: bool = False
) -> Naming | None:
    """Return how words are read by what a user says; None where they say nothing.

    Args:
        schemes: those at hand.
        name: of the scheme; oct2017 where only something else is said.
        meanings: see `read_meanings`.
        skip_unknown: see `Naming`.

    Raises:
        BadInputError: there is no such scheme, it has faults, or a meaning is none.
    """
    told = tuple(meanings)
    if not (name or told or skip_unknown):
        return None
    scheme = schemes.get(name or DEFAULT_SCHEME)
    return Naming(scheme, read_meanings(told, scheme), skip_unknown)


def count_words(scans: Iterable[tuple[str, Place]]) -> Counter[str]:
    """Count what scans are called; of each its name and place."""
    return Counter(word for name, place in scans if (word := _word_of(name, place)))


def list_words(words: Counter[str]) -> str:
    """Return the most frequent words with their counts, on one line."""
    ranked = words.most_common()
    more = [f"and {len(ranked) - _NAMED} other words"] if len(ranked) > _NAMED else []
    return ", ".join([*(f"{word[:40]} {n}" for word, n in ranked[:_NAMED]), *more])


def nearest_scheme(
    words: Counter[str], naming: Naming | None = None, schemes: Schemes = SHIPPED
) -> str:
    """Return the scheme that knows the most scans' words; empty where it is the one at hand.

    It is empty too where none knows any.
    """
    fit = {
        listed.name: sum(n for word, n in words.items() if _knows(listed.scheme, word))
        for listed in schemes.all()
        if listed.scheme
    }
    best = max(fit, key=lambda name: (fit[name], name == DEFAULT_SCHEME), default="")
    at_hand = naming.scheme.name if naming else ""
    return best if best and fit[best] and best != at_hand else ""


def _word_of(name: str, place: Place) -> str:
    """Return what a scan is called, as the table, the folder or the file's name says."""
    row = place.row
    if row and row.label:
        return row.label
    path = PurePosixPath(without_slice(name))
    folders = [part for part in path.parts[:-1] if part.lower() not in SPLITS]
    return folders[-1] if folders else ""


def _knows(scheme: Scheme, word: str) -> bool:
    try:
        return scheme.find_by_word(word) is not None
    except BadInputError:  # it may mean several: then it is a word of this scheme
        return True
