"""Quizzes: their files, whether they can be played here, and which cases they bring."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from octtutor.core.answer import Answer
from octtutor.core.case import Case, DeckSummary
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Options
from octtutor.core.quizfile import (
    MAX_BYTES,
    Fault,
    Places,
    QuizFile,
    Rule,
    case_names,
    parse_quiz,
    read_draft,
    write_quiz,
)
from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError, SettingsError
from octtutor.store.contract import Store
from octtutor.tutor.endless import ENDLESS
from octtutor.tutor.importing import EMBEDDED

SUFFIX = ".toml"
RANDOM, HARDEST, EASIEST = "random", "hardest", "easiest"
_TOLD = 5
"""Faults that a message names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A quiz file as it was found."""

    key: str
    path: Path
    is_own: bool
    """In the user's folder, not shipped."""
    quiz: QuizFile | None
    """None where the file has faults."""
    faults: tuple[Fault, ...]
    draft: QuizFile | None = None
    """The quiz without what is wrong in it; None where nothing can be read."""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The cases of a quiz, in the order they are shown."""

    deck: str
    cases: tuple[Case, ...]
    seen: int
    """How many are of patients whom the trainee has seen."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How often trainees got a scan wrong when they first answered it."""

    wrong: float
    """Share of first answers that were not right, in [0, 1]; an ungradable is not right."""
    n: int
    """How many trainees answered it."""


class Quizzes:
    """Reads, checks, resolves, makes and saves quiz files."""

    def __init__(self, store: Store, folders: tuple[Path, ...]) -> None:
        """Take the records, and the folders that hold quizzes: the user's, then the shipped."""
        self._store, self._folders = store, folders

    def all(self) -> tuple[Listed, ...]:
        """Return all quizzes by key; a user's file shadows a shipped one of the same name."""
        paths = self._paths()
        return tuple(self._read(paths[key]) for key in sorted(paths))

    def find_listed(self, key: str) -> Listed | None:
        """Return a quiz's file, with faults or without."""
        path = self._paths().get(key)
        return self._read(path) if path else None

    def _paths(self) -> dict[str, Path]:
        found = [path for folder in reversed(self._folders) for path in folder.glob(f"*{SUFFIX}")]
        return {path.stem: path for path in found if not path.name.startswith(".")}

    def find(self, key: str) -> QuizFile:
        """Return a quiz.

        Raises:
            BadInputError: there is none of this key, or its file has faults.
        """
        listed = self.find_listed(key)
        if listed is None:
            raise BadInputError(
                f"Expected the name of a quiz. There is none named {key[:64]!r}. See `octtutor "
                "quiz list`."
            )
        if listed.quiz is None:
            refuse(listed.path.name, listed.faults)
        assert listed.quiz is not None  # refused otherwise
        return listed.quiz

    def read(self, path: Path) -> Listed:
        """Return a quiz file from anywhere.

        Raises:
            BadInputError: there is no such file.
        """
        if not path.is_file():
            raise BadInputError(
                f"Expected a quiz file. There is no file {str(path)[:200]!r}. Give the path of "
                "one, or a quiz's name from `octtutor quiz list`."
            )
        return self._read(path)

    def _read(self, path: Path) -> Listed:
        is_own = path.parent == self._folders[0]
        try:
            data = _read_bytes(path)
        except OSError as error:
            fault = Fault(0, f"cannot be read: {error.strerror or error}")
            return Listed(path.stem, path, is_own, None, (fault,))
        draft, faults = read_draft(path.stem, data)
        text = data.decode("utf-8-sig") if draft else ""
        return Listed(path.stem, path, is_own, None if faults else draft, faults, draft, text)

    def check_listed(self, listed: Listed) -> tuple[Fault, ...]:
        """Return all faults of a file, in itself and against the records, by line."""
        if listed.draft is None:
            return listed.faults
        draft, places = listed.draft, Places(listed.text)
        lacking = self.check(draft, places)
        missing = self._missing_one_by_one(draft, places) if lacking else []
        found = [*listed.faults, *lacking, *missing]
        return tuple(sorted(found, key=lambda fault: fault.line))

    def check(self, quiz: QuizFile, places: Places | None = None) -> tuple[Fault, ...]:
        """Return what keeps a quiz from being played here: no deck, no scans, too few.

        Args:
            quiz: of a file without faults, or what could be read of one with faults.
            places: of its text, for the lines; 0 without.
        """
        places = places or Places("")
        if quiz.deck == ENDLESS:
            what = f"the deck {ENDLESS!r} grows as people practise; a quiz needs one that stays"
            return (Fault(places.of("", "deck"), what),)
        if quiz.deck and self._store.find_deck(quiz.deck) is None:
            what = f"there is no deck {quiz.deck!r} here. {_how_to_get(quiz)}"
            return (Fault(places.of("", "deck"), what),)
        if quiz.rule is not None:
            return tuple(self._lacking(quiz, quiz.rule, places)) if quiz.deck else ()
        missing = self._missing(quiz)
        if not missing:
            return ()
        how = "The embedded deck has no others." if quiz.deck == EMBEDDED else _how_to_get(quiz)
        what = f"{len(missing)} of {len(quiz.cases)} scans are not here. {how}"
        return (Fault(places.of_scan(missing[0]), what),)

    def _missing(self, quiz: QuizFile) -> list[str]:
        _, held = self._deck_of(quiz)
        return [sha256 for sha256 in quiz.cases if sha256 not in held]

    def _missing_one_by_one(self, quiz: QuizFile, places: Places) -> list[Fault]:
        """Return a fault for each named scan that is not here; none where all or no deck is."""
        if quiz.rule or (quiz.deck and self._store.find_deck(quiz.deck) is None):
            return []
        missing = self._missing(quiz)
        if len(missing) in (0, 1, len(quiz.cases)):
            return []  # what `check` says names it already
        return [Fault(places.of_scan(sha), f"the scan {sha[:12]}… is not here") for sha in missing]

    def _lacking(self, quiz: QuizFile, rule: Rule, places: Places) -> Iterable[Fault]:
        held = Counter(case.label for case in self._store.cases_of(quiz.deck))
        for label, wanted in zip(LABELS, rule.per_class, strict=True):
            if held[label] < wanted:
                what = (
                    f"the rule wants {wanted} {label}, the deck {quiz.deck!r} holds "
                    f"{held[label]}; ask for fewer, or import more scans"
                )
                yield Fault(places.of("rule.per_class", label), what)

    def _deck_of(self, quiz: QuizFile) -> tuple[str, dict[str, Case]]:
        """Return the deck that holds most of the named cases, and those that it holds."""
        wanted = set(quiz.cases)
        best: tuple[str, dict[str, Case]] = (quiz.deck, {})
        for name in [quiz.deck] if quiz.deck else [deck.name for deck in self._store.decks()]:
            held = {c.sha256: c for c in self._store.cases_of(name) if c.sha256 in wanted}
            if len(held) > len(best[1]):
                best = (name, held)
        return best

    def resolve(self, quiz: QuizFile, seen_patients: Collection[str] = ()) -> Resolved:
        """Return the cases to play, in the order of the quiz's seed.

        Named cases and those of a practice quiz are the same for everybody. The rule of an exam
        passes over patients whom the trainee has seen, where the deck allows.

        Args:
            quiz: of a file without faults.
            seen_patients: patients of the deck of whom the trainee was shown a scan.

        Raises:
            BadInputError: it cannot be played here; says why.
        """
        refuse(quiz.key + SUFFIX, self.check(quiz))
        seen = frozenset(seen_patients)
        if quiz.rule is None:
            deck, held = self._deck_of(quiz)
            cases = _in_order(held.values(), quiz.seed)
        else:
            deck, later = quiz.deck, seen if quiz.options.is_exam else frozenset()
            piles = _piles(self._store.cases_of(deck), quiz.seed)
            counts = zip(LABELS, quiz.rule.per_class, strict=True)
            taken = [c for label, n in counts for c in _seen_last(piles[label], later)[:n]]
            cases = _in_order(taken, quiz.seed)
        return Resolved(deck, cases, sum(case.patient in seen for case in cases))

    def resolve_retest(
        self, quiz: QuizFile, of: Sequence[Case], seen_patients: Collection[str], seed: int
    ) -> Resolved:
        """Return other scans for an exam that is taken again.

        Of each class come as many as there were, unseen patients first. Where the deck has
        fewer other scans the retest is shorter: a scan that is known would flatter. Only of a
        class without any other scan come the same ones.

        Args:
            quiz: the exam.
            of: the cases that it had, in the records.
            seen_patients: patients of the deck of whom the trainee was shown a scan; those of
                `of` count as seen too.
            seed: of the draw and the order.

        Raises:
            BadInputError: the exam had no case, or cannot be played here (any more).
        """
        if not of:
            raise BadInputError(
                "Expected an exam with cases. This one had none. Take the exam itself first."
            )
        refuse(quiz.key + SUFFIX, self.check(quiz))
        deck = quiz.deck or self._deck_of(quiz)[0]
        had = {case.sha256 for case in of}
        seen = frozenset(seen_patients) | {case.patient for case in of}
        wanted = Counter(case.label for case in of)
        taken: list[Case] = []
        for label, pile in _piles(self._store.cases_of(deck), seed).items():
            others = [case for case in pile if case.sha256 not in had]
            taken += _seen_last(others or pile, seen)[: wanted[label]]
        return Resolved(deck, _in_order(taken, seed), sum(c.patient in seen for c in taken))

    def decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""
        return self._store.summarise_decks()

    def difficulty(self, deck: str) -> dict[str, Difficulty]:
        """Return by SHA-256 how hard trainees found the scans of a deck that were answered.

        Of each trainee the first answer to a scan counts: afterwards the truth is known.
        """
        first: dict[tuple[str, str], Answer] = {}
        for answer in self._store.answers_to(deck):
            if not answer.timed_out:
                first.setdefault((answer.trainee_id, answer.sha256), answer)
        asked = Counter(answer.sha256 for answer in first.values())
        wrong = Counter(answer.sha256 for answer in first.values() if not answer.is_right)
        return {sha256: Difficulty(wrong[sha256] / n, n) for sha256, n in asked.items()}

    def candidates(
        self, deck: str, order: str = RANDOM, annotated: bool | None = None, seed: int = 1
    ) -> dict[Diagnosis, tuple[tuple[Case, Difficulty | None], ...]]:
        """Return a deck's cases to pick from, of each class in the order they offer themselves.

        Args:
            deck: its name.
            order: `random` by the seed; `hardest` or `easiest` by what trainees got wrong, with
                the scans that nobody answered last.
            annotated: True: only with a mask of the lesion; False: only without; None: all.
            seed: of the random order, and among equals.
        """
        known = self.difficulty(deck)
        cases = [
            case
            for case in self._store.cases_of(deck)
            if annotated is None or annotated == bool(case.mask_sha256)
        ]
        sign = {HARDEST: -1.0, EASIEST: 1.0}.get(order, 0.0)

        def place(case: Case) -> tuple[bool, float]:
            found = known.get(case.sha256)
            return (found is None, sign * found.wrong if found else 0.0) if sign else (False, 0.0)

        return {
            label: tuple((case, known.get(case.sha256)) for case in sorted(pile, key=place))
            for label, pile in _piles(cases, seed).items()
        }

    def names_of(self, quiz: QuizFile) -> dict[str, str]:
        """Return names of the named cases: those in the file, and in the records where known."""
        listed = self.find_listed(quiz.key)
        names = case_names(listed.text) if listed and listed.quiz else {}
        held = self._deck_of(quiz)[1] if quiz.cases else {}
        return names | {sha256: case.name for sha256, case in held.items()}

    def save(self, quiz_text: str, key: str, replacing: bool = True) -> Path:
        """Write a quiz file into the user's folder, whole or not at all, and return its path.

        Args:
            quiz_text: the file's text.
            key: its name without `.toml`.
            replacing: whether it may take the place of an own quiz of this name.

        Raises:
            BadInputError: the text or the name has faults, or the name is taken.
            SettingsError: the folder cannot be written.
        """
        found = parse_quiz(key, quiz_text)
        if not isinstance(found, QuizFile):
            refuse(f"{key[:64]}{SUFFIX}", found)
        path = self._folders[0] / f"{key}{SUFFIX}"
        if not replacing and path.exists():
            raise BadInputError(
                f"Expected a new name. You have a quiz {key!r} already. Take another name, or "
                "edit that one."
            )
        write_atomically(path, quiz_text.encode())
        return path

    def remove(self, key: str) -> None:
        """Remove an own quiz; a shipped one of the same name is there again.

        Raises:
            BadInputError: there is no own quiz of this name.
            SettingsError: the folder cannot be written.
        """
        listed = self.find_listed(key)
        if listed is None or not listed.is_own:
            raise BadInputError(
                f"Expected a quiz of your own. {key[:64]!r} is none. Shipped quizzes stay."
            )
        try:
            listed.path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(
                f"Cannot remove {listed.path.name!r}: {error.strerror}. Remove it by hand."
            ) from error


def build_quiz(
    key: str,
    title: str,
    *,
    description: str = "",
    deck: str = "",
    language: str = "en",
    per_class: Mapping[Diagnosis, int] | None = None,
    cases: Sequence[str] = (),
    seed: int = 1,
    options: Options | None = None,
    source: str = "",
) -> QuizFile:
    """Make a quiz by a rule, or of picked cases.

    Args:
        key: its file's name without `.toml`.
        title: what trainees see.
        description: likewise.
        deck: where the cases are; empty: any deck that holds the picked cases.
        language: of title and description.
        per_class: how many of each class; None where the cases are picked.
        cases: SHA-256 of each picked case.
        seed: of the draw and the order.
        options: how it is played.
        source: where the scans can be had.

    Raises:
        BadInputError: these do not make a quiz; says all that is wrong.
    """
    counts = [per_class.get(label, 0) for label in LABELS] if per_class is not None else None
    rule = Rule((counts[0], counts[1], counts[2], counts[3]), seed) if counts else None
    facts = QuizFile(
        key=key,
        version="",
        title=title.strip(),
        description=description.strip(),
        deck=deck,
        language=language,
        rule=rule,
        cases=tuple(cases),
        seed=seed,
        options=options or Options(),
        source=source.strip(),
    )
    found = parse_quiz(key, write_quiz(facts))
    if not isinstance(found, QuizFile):
        refuse(f"{key[:64]}{SUFFIX}", tuple(replace(fault, line=0) for fault in found))
    assert isinstance(found, QuizFile)  # refused otherwise
    return found


def refuse(name: str, faults: Sequence[Fault]) -> None:
    """Raise a BadInputError that lists the faults of a quiz file, when there are any."""
    if not faults:
        return
    told = [f"line {f.line}: {f.what}" if f.line else f.what for f in faults[:_TOLD]]
    if len(faults) > _TOLD:
        told.append(f"and {len(faults) - _TOLD} more (`octtutor quiz check` lists all)")
    raise BadInputError(f"The quiz {name!r} cannot be used. {'; '.join(told)}.")


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise OSError("it is no file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _how_to_get(quiz: QuizFile) -> str:
    if quiz.deck == EMBEDDED:
        return "It comes with the program: `octtutor serve` brings it in."
    name = f" --as {quiz.deck}" if quiz.deck else ""
    return f"{quiz.source} Bring them in: `octtutor data import FOLDER{name}`".strip()


def _piles(cases: Iterable[Case], seed: int) -> dict[Diagnosis, list[Case]]:
    """Shuffle each class by itself.

    Quizzes of one seed share cases, so that they use up few patients of a small deck.
    """
    piles: dict[Diagnosis, list[Case]] = {label: [] for label in LABELS}
    for case in sorted(cases, key=lambda case: case.sha256):
        piles[case.label].append(case)
    for label, pile in piles.items():
        random.Random(f"{seed} {label}").shuffle(pile)
    return piles


def _seen_last(pile: Sequence[Case], seen: Collection[str]) -> list[Case]:
    return sorted(pile, key=lambda case: case.patient in seen)


def _in_order(cases: Iterable[Case], seed: int) -> tuple[Case, ...]:
    ordered = sorted(cases, key=lambda case: case.sha256)
    random.Random(seed).shuffle(ordered)
    return tuple(ordered)
