"""Quizzes: their files, whether they can be played here, and which cases they bring."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from octtutor.core.answer import Answer
from octtutor.core.case import Case, Deck, DeckSummary
from octtutor.core.disclosure import learn_examples
from octtutor.core.quizfile.parsing import case_names, parse_quiz, read_draft
from octtutor.core.quizfile.quiz_file import QuizFile, Rule
from octtutor.core.scheme import Scheme
from octtutor.core.tomlfile.fault import Fault
from octtutor.core.tomlfile.places import Places
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.errors import BadInputError, SettingsError
from octtutor.limits import MAX_QUIZ_FILE_BYTES
from octtutor.store.contract import Store
from octtutor.tutor.decks.deck_import import EMBEDDED
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.decks.endless import ENDLESS
from octtutor.tutor.exams.quiz_building import SUFFIX, refuse
from octtutor.tutor.exams.quiz_draw import piles_of, put_in_order, put_known_last

RANDOM, HARDEST, EASIEST = "random", "hardest", "easiest"


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
class ObservedDifficulty:
    """How often trainees got a scan wrong when they first answered it."""

    wrong: float
    """Share of first answers that were not right, in [0, 1]; an ungradable is not right."""
    n: int
    """How many trainees answered it."""


class Quizzes:
    """Reads, checks, resolves, makes and saves quiz files."""

    def __init__(self, store: Store, folders: tuple[Path, ...], schemes: Schemes = SHIPPED) -> None:
        """Take the records, and the folders that hold quizzes: the user's, then the shipped."""
        self._store, self._folders, self.schemes = store, folders, schemes

    def all(self) -> tuple[Listed, ...]:
        """Return all quizzes by key; a user's file shadows a shipped one of the same name."""
        paths = self._paths()
        return tuple(self._read(paths[key]) for key in sorted(paths))

    def naming(self, deck: str) -> tuple[str, ...]:
        """Return the keys of the quizzes that name a deck."""
        drafts = [listed.draft for listed in self.all()]
        return tuple(draft.key for draft in drafts if draft is not None and draft.deck == deck)

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
        draft, faults = read_draft(path.stem, data, self.schemes.keys())
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
        if quiz.deck and (has := scheme_of(self._store, quiz.deck).name) != quiz.scheme:
            what = f"the deck {quiz.deck!r} has the scheme {has!r}; write scheme = {has!r}"
            return (Fault(places.of("", "scheme"), what),)
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
        for label, wanted in rule.per_class.items():
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

    def find_deck_of(self, quiz: QuizFile) -> Deck | None:
        """Return the deck whose scans a quiz asks; None where it is not here."""
        return self._store.find_deck(quiz.deck or self._deck_of(quiz)[0])

    def find_deck(self, name: str) -> Deck | None:
        """Return a deck."""
        return self._store.find_deck(name)

    def resolve(self, quiz: QuizFile, seen_patients: Collection[str] = ()) -> Resolved:
        """Return the cases to play, in the order of the quiz's seed.

        Named cases and those of a practice quiz are the same for everybody. The rule of an exam
        passes over scans that Learn shows as examples, and then over patients whom the trainee
        has seen, where the deck allows.

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
            cases = put_in_order(held.values(), quiz.seed)
        else:
            deck, held_cases = quiz.deck, self._store.cases_of(quiz.deck)
            scheme = self.scheme_of(deck)
            is_exam = quiz.options.is_exam
            later = seen if is_exam else frozenset()
            examples = learn_examples(held_cases, scheme.normal) if is_exam else frozenset[str]()
            piles = piles_of(held_cases, scheme.keys, quiz.seed)
            counts = quiz.rule.per_class.items()
            taken = [
                c for label, n in counts for c in put_known_last(piles[label], later, examples)[:n]
            ]
            cases = put_in_order(taken, quiz.seed)
        return Resolved(deck, cases, sum(case.patient in seen for case in cases))

    def resolve_retest(
        self, quiz: QuizFile, of: Sequence[Case], seen_patients: Collection[str], seed: int
    ) -> Resolved:
        """Return other scans for an exam that is taken again.

        Of each class come as many as there were, scans that Learn does not show and unseen
        patients first. Where the deck has
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
        held = self._store.cases_of(deck)
        scheme = self.scheme_of(deck)
        examples = learn_examples(held, scheme.normal)
        for label, pile in piles_of(held, scheme.keys, seed).items():
            others = [case for case in pile if case.sha256 not in had]
            taken += put_known_last(others or pile, seen, examples)[: wanted[label]]
        return Resolved(deck, put_in_order(taken, seed), sum(c.patient in seen for c in taken))

    def in_learn(self, deck: str, cases: Iterable[str]) -> int:
        """Return how many scans (SHA-256) of a deck Learn may show with their diagnosis."""
        held = self._store.cases_of(deck)
        return len(learn_examples(held, self.scheme_of(deck).normal).intersection(cases))

    def scheme_of(self, deck: str) -> Scheme:
        """Return the list of diagnoses of a deck (see `Schemes.of` for what it raises)."""
        return self.schemes.of(scheme_of(self._store, deck))

    def decks(self) -> tuple[DeckSummary, ...]:
        """Return all decks by name, with what they hold."""
        return self._store.summarise_decks()

    def difficulty(self, deck: str) -> dict[str, ObservedDifficulty]:
        """Return by SHA-256 how hard trainees found the scans of a deck that were answered.

        Of each trainee the first answer to a scan counts: afterwards the truth is known.
        """
        first: dict[tuple[str, str], Answer] = {}
        for answer in self._store.answers_to(deck):
            if not answer.timed_out:
                first.setdefault((answer.trainee_id, answer.sha256), answer)
        asked = Counter(answer.sha256 for answer in first.values())
        wrong = Counter(answer.sha256 for answer in first.values() if not answer.is_right)
        return {sha256: ObservedDifficulty(wrong[sha256] / n, n) for sha256, n in asked.items()}

    def candidates(
        self, deck: str, order: str = RANDOM, annotated: bool | None = None, seed: int = 1
    ) -> dict[str, tuple[tuple[Case, ObservedDifficulty | None], ...]]:
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
            for label, pile in piles_of(cases, self.scheme_of(deck).keys, seed).items()
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
        found = parse_quiz(key, quiz_text, self.schemes.keys())
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


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise OSError("it is no file")
    with path.open("rb") as file:
        return file.read(MAX_QUIZ_FILE_BYTES + 1)


def _how_to_get(quiz: QuizFile) -> str:
    if quiz.deck == EMBEDDED:
        return "It comes with the program: `octtutor serve` brings it in."
    name = f" --as {quiz.deck}" if quiz.deck else ""
    return f"{quiz.source} Bring them in: `octtutor data import FOLDER{name}`".strip()
