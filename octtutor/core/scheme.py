"""A scheme: the list of diagnoses that decks, quizzes and networks choose from. A value, no file.

A scheme is handed in, never a global. Its file is read in `schemefile`.
"""

import re
from dataclasses import dataclass

from octtutor.errors import BadInputError

FEWEST, MOST = 2, 9
"""Diagnoses that a scheme may have: a key from 1 to 9 each."""
SHAPES = (
    "circle",
    "square",
    "triangle",
    "diamond",
    "plus",
    "cross",
    "star",
    "pentagon",
    "hexagon",
)
"""Marks that tell diagnoses apart where colours do not, for readers and for printers."""
NOT_KEYS = ("UNGRADABLE", "NONE")
"""Words of answers that are no diagnosis."""
PUBLISHED_KINDS = ("weighted_error", "accuracy", "sensitivity", "specificity")


@dataclass(frozen=True, slots=True)
class SchemeVersion:
    """Which list of diagnoses the keys of a record belong to."""

    name: str
    version: int


OCT2017 = SchemeVersion("oct2017", 1)
"""What records of before there were schemes belong to, and whatever names no other."""


@dataclass(frozen=True, slots=True)
class SchemeDiagnosis:
    """One diagnosis of a scheme: how it is called, how it is shown, and what it means."""

    key: str
    """What records, matrices and files of this program call it, such as `CNV`."""
    name: str
    colour: str
    """`#rrggbb`, in small letters; no other of the scheme has it."""
    shape: str
    """One of `SHAPES`; no other of the scheme has it."""
    description: str = ""
    synonyms: tuple[str, ...] = ()
    """What folders and tables of others call it."""
    is_normal: bool = False
    is_urgent: bool = False
    """Whether it is referred urgently."""
    look_for: str = ""
    """How to see it on a scan, in a sentence or two."""
    signs: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """All that it may be called in a folder's name or a table."""
        return (self.key, self.name, *self.synonyms)


@dataclass(frozen=True, slots=True)
class CostMatrix:
    """What each answer costs when it is wrong."""

    rows: tuple[tuple[int, ...], ...]
    """Rows are the truth, columns the answer, in the scheme's order; the diagonal is 0."""
    source: str


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """What others scored with these diagnoses, to stand beside one's own figures."""

    who: str
    kind: str
    """One of `PUBLISHED_KINDS`."""
    lowest: float
    highest: float
    """Shares in [0, 1]; equal where there is one figure."""
    source: str


@dataclass(frozen=True, slots=True)
class SchemeMapping:
    """Which diagnosis of another scheme stands for each of this one's."""

    to: str
    """The other scheme's name."""
    pairs: tuple[tuple[str, str | None], ...]
    """(Key here, key there), each key of this scheme once; None: the other has no word for it."""

    def find(self, key: str) -> str | None:
        """Return the other scheme's key, None where it has no word for this one.

        Raises:
            BadInputError: this scheme has no such key.
        """
        there = dict(self.pairs)
        if key not in there:
            raise BadInputError(
                f"Expected one of {', '.join(there)}. Received {key[:40]!r}. Choose one of these."
            )
        return there[key]


@dataclass(frozen=True, slots=True)
class Counterparts:
    """Which diagnoses of a network's scheme stand for which of a deck's."""

    pairs: frozenset[tuple[str, str]]
    """(Key of the network's scheme, key of the deck's)."""

    def stand_for(self, answer: str) -> tuple[str, ...]:
        """Return the deck's keys that a network's answer stands for, by name; maybe none."""
        return tuple(sorted(there for here, there in self.pairs if here == answer))

    def word_for(self, truth: str) -> str | None:
        """Return the network's one key for a deck's diagnosis; None: it has none, or several."""
        found = [here for here, there in self.pairs if there == truth]
        return found[0] if len(found) == 1 else None

    def know(self, truth: str) -> bool:
        """Whether the network has a word for a deck's diagnosis."""
        return any(there == truth for _, there in self.pairs)


@dataclass(frozen=True, slots=True)
class Scheme:
    """Two to nine diagnoses in order, and what is known of them together."""

    name: str
    version: int
    """A scheme in use keeps its keys (see `changed_keys`); other keys are another version."""
    title: str
    diagnoses: tuple[SchemeDiagnosis, ...]
    """In the order of every matrix, probability vector and button."""
    source: str = ""
    allows_ungradable: bool = True
    """Whether a scan may be called ungradable."""
    allows_none_of_these: bool = False
    """Whether an answer may be that it is none of the diagnoses."""
    costs: CostMatrix | None = None
    published: tuple[PublishedFigure, ...] = ()
    confusions: tuple[tuple[frozenset[str], str], ...] = ()
    """(Two keys, how to tell them apart)."""
    mappings: tuple[SchemeMapping, ...] = ()
    ambiguous: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(Word, keys that it may mean): nobody but who gave the scans can say which."""

    @property
    def stamp(self) -> SchemeVersion:
        """What records that hold its keys are marked with."""
        return SchemeVersion(self.name, self.version)

    @property
    def keys(self) -> tuple[str, ...]:
        """The diagnoses' keys, in order."""
        return tuple(one.key for one in self.diagnoses)

    @property
    def colours(self) -> dict[str, str]:
        """The diagnoses' colours, `#rrggbb`, by key."""
        return {one.key: one.colour for one in self.diagnoses}

    @property
    def normal(self) -> str | None:
        """Key of the diagnosis that is no disease; None where there is none."""
        return next((one.key for one in self.diagnoses if one.is_normal), None)

    @property
    def urgent(self) -> tuple[str, ...]:
        """Keys of the diagnoses that are referred urgently, in order."""
        return tuple(one.key for one in self.diagnoses if one.is_urgent)

    @property
    def cost_rows(self) -> tuple[tuple[int, ...], ...]:
        """What each answer costs, as `CostMatrix.rows`; without a matrix, 1 if it is wrong."""
        if self.costs:
            return self.costs.rows
        span = range(len(self.diagnoses))
        return tuple(tuple(int(row != column) for column in span) for row in span)

    def index(self, key: str) -> int:
        """Return the place of a diagnosis in the scheme's order, from 0.

        Raises:
            BadInputError: there is none of this key.
        """
        if key not in self.keys:
            raise BadInputError(
                f"Expected a diagnosis of scheme {self.name!r}: {', '.join(self.keys)}. Received "
                f"{key[:40]!r}. Choose one of these."
            )
        return self.keys.index(key)

    def column_of(self, choice: str | None) -> int:
        """Return an answer's column in a matrix (see `index`): after the last for no diagnosis."""
        return len(self.diagnoses) if choice is None else self.index(choice)

    def get(self, key: str) -> SchemeDiagnosis:
        """Return a diagnosis (see `index` for what it raises)."""
        return self.diagnoses[self.index(key)]

    def find_by_word(self, word: str) -> SchemeDiagnosis | None:
        """Return the diagnosis that a folder's name or a table's cell means, None where none.

        Its key, name and synonyms count; small and capital letters are alike, and so are spaces,
        hyphens and underscores.

        Raises:
            BadInputError: the word may mean several.
        """
        folded = fold(word)
        for unclear, keys in self.ambiguous:
            if fold(unclear) == folded:
                raise BadInputError(
                    f"Expected a word for one diagnosis. {word[:40]!r} may mean {' or '.join(keys)}"
                    f" in scheme {self.name!r}. Say which."
                )
        found = (one for one in self.diagnoses if folded and folded in map(fold, one.words))
        return next(found, None)

    def cost(self, truth: str, answer: str) -> int:
        """Return what an answer costs; where the scheme has no matrix, 1 if it is wrong.

        Raises:
            BadInputError: one of them is no diagnosis of this scheme.
        """
        return self.cost_rows[self.index(truth)][self.index(answer)]

    def check_choice(self, choice: str | None) -> str | None:
        """Return an answer when it can be one: a key, or None for ungradable.

        Raises:
            BadInputError: it is none of the diagnoses, or nothing may be called ungradable.
        """
        if choice in self.keys or (choice is None and self.allows_ungradable):
            return choice
        words = (*self.keys, *((NOT_KEYS[0],) if self.allows_ungradable else ()))
        raise BadInputError(
            f"Expected {', '.join(words[:-1])} or {words[-1]}. Received "
            f"{(choice or NOT_KEYS[0])[:40]!r}. Choose one of the buttons."
        )

    def is_urgent(self, key: str) -> bool:
        """Return whether a diagnosis is referred urgently (see `index` for what it raises)."""
        return self.get(key).is_urgent

    def tell_apart(self, first: str, second: str) -> str:
        """Return how to tell two diagnoses apart, empty where the scheme says nothing of it."""
        return dict(self.confusions).get(frozenset((first, second)), "")

    def map_to(self, other: str) -> SchemeMapping:
        """Return the mapping to another scheme.

        Raises:
            BadInputError: none is declared.
        """
        for mapping in self.mappings:
            if mapping.to == other:
                return mapping
        raise BadInputError(
            f"Expected a mapping from scheme {self.name!r} to {other[:64]!r}. None is declared. "
            f"Declare it as [mapping.NAME] in {self.name}.toml."
        )


def fold(word: str) -> str:
    """Return what of a word counts when two are compared."""
    return re.sub(r"[\W_]+", "", word.casefold())


def find_counterparts(network: Scheme, deck: Scheme) -> Counterparts | None:
    """Return what a network's answers mean on a deck of another scheme.

    Either scheme may declare it; where both do, what one of them says holds.

    Returns:
        None where neither declares a mapping to the other.
    """
    ours = [mapping for mapping in network.mappings if mapping.to == deck.name]
    theirs = [mapping for mapping in deck.mappings if mapping.to == network.name]
    if not ours and not theirs:
        return None
    pairs = {(here, there) for mapping in ours for here, there in mapping.pairs if there}
    pairs |= {(here, there) for mapping in theirs for there, here in mapping.pairs if here}
    return Counterparts(frozenset(pairs))


def changed_keys(old: Scheme, new: Scheme) -> tuple[str, ...]:
    """Return the keys that only one of two states of a scheme has: in use, none may change."""
    gone = [key for key in old.keys if key not in new.keys]
    return (*gone, *(key for key in new.keys if key not in old.keys))
