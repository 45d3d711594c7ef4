"""A quiz made by a rule or of picked cases, and what refuses one with faults."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from octtutor.core.quiz import Options
from octtutor.core.quizfile.parsing import parse_quiz
from octtutor.core.quizfile.quiz_file import QuizFile, Rule
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.scheme import OCT2017, Scheme
from octtutor.core.tomlfile.fault import Fault
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError

SUFFIX = ".toml"
_TOLD = 5
"""Faults that a message names; it counts the others."""


def build_quiz(
    key: str,
    title: str,
    *,
    description: str = "",
    deck: str = "",
    language: str = "en",
    per_class: Mapping[str, int] | None = None,
    cases: Sequence[str] = (),
    seed: int = 1,
    options: Options | None = None,
    source: str = "",
    scheme: Scheme = OCT2017_SCHEME,
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
        scheme: the deck's.

    Raises:
        BadInputError: these do not make a quiz; says all that is wrong.
    """
    rule = None
    if per_class is not None:
        rule = Rule({key: per_class.get(key, 0) for key in scheme.keys}, seed)
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
        scheme=scheme.name,
    )
    keys = {OCT2017.name: OCT2017_SCHEME.keys, scheme.name: scheme.keys}
    found = parse_quiz(key, write_quiz(facts), keys)
    if not isinstance(found, QuizFile):
        refuse(f"{key[:64]}{SUFFIX}", tuple(replace(fault, line=0) for fault in found))
    assert isinstance(found, QuizFile)  # refused otherwise
    return found


def refuse(name: str, faults: Sequence[Fault]) -> None:
    """Raise a BadInputError that lists the faults of a quiz file, when there are any."""
    if not faults:
        return
    facts = [f"line {f.line}: {f.what}" if f.line else f.what for f in faults[:_TOLD]]
    if len(faults) > _TOLD:
        facts.append(f"and {len(faults) - _TOLD} more (`octtutor quiz check` lists all)")
    raise BadInputError(f"The quiz {name!r} cannot be used. {'; '.join(facts)}.")
