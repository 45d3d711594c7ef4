"""Reading a quiz file: every fault with its line, and what can be understood beside it."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, create_model

from octtutor.core.quiz import Options
from octtutor.core.quizfile.quiz_file import (
    DEFAULTS,
    EXAM_ONLY,
    FLAGS,
    NUMBERS,
    QuizFile,
    Rule,
)
from octtutor.core.scheme import OCT2017
from octtutor.core.tomlfile.fault import Fault
from octtutor.core.tomlfile.places import HASH, Places
from octtutor.core.tomlfile.tables import (
    Place,
    TomlTable,
    check_tables,
    flag_key,
    line_key,
    lines_key,
    number_key,
    text_key,
)
from octtutor.core.tomlfile.toml_text import read_tables, read_text
from octtutor.core.validation import short
from octtutor.limits import MAX_QUIZ_FILE_BYTES

SchemeKeys = Mapping[str, Sequence[str]]
"""The diagnoses' keys, in order, by the scheme's name; oct2017 is among them."""
MAX_CASES = 1000
MAX_SEED = 2**31 - 1
_NAME = r"[a-z0-9][a-z0-9-]{0,63}"
_FILE_NAME = re.compile(_NAME)


def read_quiz(key: str, data: bytes, schemes: SchemeKeys) -> QuizFile | tuple[Fault, ...]:
    """Read a quiz file's bytes; see `parse_quiz`."""
    return _whole(*read_draft(key, data, schemes))


def parse_quiz(key: str, text: str, schemes: SchemeKeys) -> QuizFile | tuple[Fault, ...]:
    """Read a quiz file's text.

    Args:
        key: the file's name without `.toml`.
        text: what is in it.
        schemes: the keys of each scheme at hand.

    Returns:
        The quiz, or every fault that was found, by line.
    """
    return _whole(*_parse(key, text, schemes))


def read_draft(
    key: str, data: bytes, schemes: SchemeKeys
) -> tuple[QuizFile | None, tuple[Fault, ...]]:
    """Read a quiz file's bytes as far as they can be understood.

    Returns:
        The quiz without what is wrong in it, None where nothing can be read; and every fault that
        was found, by line.
    """
    text = read_text(data, MAX_QUIZ_FILE_BYTES)
    return (None, (text,)) if isinstance(text, Fault) else _parse(key, text, schemes)


def _parse(key: str, text: str, schemes: SchemeKeys) -> tuple[QuizFile | None, tuple[Fault, ...]]:
    faults: list[Fault] = []
    if not _FILE_NAME.fullmatch(key):
        faults.append(Fault(0, f"expected a name of a-z, 0-9 and -, received {key[:64]!r}"))
    raw = read_tables(text)
    if isinstance(raw, Fault):
        return None, (*faults, raw)
    data = text.replace("\r\n", "\n").encode()
    places = Places(text)
    keys = _keys_of(raw, schemes)
    file, wrong = _check(raw, keys)
    quiz = _to_quiz(key, hashlib.sha256(data).hexdigest()[:12], file, keys)
    wrong += _find_contradictions(raw, quiz, keys)
    if quiz.scheme not in schemes:
        what = f"expected a scheme of {', '.join(schemes)}, received {quiz.scheme[:60]!r}"
        wrong.append((("", "scheme"), what))
    wrong += _find_faults_of_cases(raw["cases"]) if "cases" in raw else ()
    wrong += _find_contradictory_options(quiz.options)
    faults += [Fault(places.of(*where), what) for where, what in wrong]
    return quiz, tuple(sorted(faults, key=lambda fault: fault.line))


def _whole(quiz: QuizFile | None, faults: tuple[Fault, ...]) -> QuizFile | tuple[Fault, ...]:
    return faults if faults or quiz is None else quiz


def _count() -> Any:
    return number_key(1, MAX_CASES, 0, " (leave an empty class out)")


class _Options(TomlTable):
    confidence: bool = flag_key(DEFAULTS.confidence)
    second_look: bool = flag_key(DEFAULTS.second_look)
    mark_where: bool = flag_key(DEFAULTS.mark_where)
    may_change: bool = flag_key(DEFAULTS.may_change)
    case_seconds: int | None = number_key(1, 3600)
    total_seconds: int | None = number_key(1, 24 * 3600)
    attempts: int | None = number_key(1, 100)
    retest_days: int | None = number_key(1, 3650)
    seed: int = number_key(0, MAX_SEED, 1)


class _Counts(TomlTable):
    """How many of each class: a number by key, which `_tables_of` adds."""

    keys_are: ClassVar[str] = "class"


def _spread(keys: Sequence[str], value: Any) -> Any:
    """Turn one number into that number of every class."""
    if type(value) is int and 1 <= value <= MAX_CASES:
        return dict.fromkeys(keys, value)
    if isinstance(value, dict):
        return value
    raise ValueError


class _Rule(TomlTable):
    per_class: Any = None
    seed: int = number_key(0, MAX_SEED, 1)


class _Case(TomlTable):
    sha256: str = text_key("64 small hex digits", HASH.pattern)
    name: str = lines_key(200)


class _File(TomlTable):
    title: str = line_key(80)
    description: str = lines_key(400)
    deck: str = text_key("a deck's name of a-z, 0-9, - and _", r"[a-z0-9][a-z0-9_-]{0,62}")
    scheme: str = text_key("a scheme's name of a-z, 0-9 and -", _NAME, OCT2017.name)
    language: str = text_key(
        "a language such as 'en' or 'pt-BR'", r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?", "en"
    )
    mode: Literal["practice", "exam"] = Field(
        default="practice", description="'practice' or 'exam'"
    )
    pass_mark: float | None = Field(
        default=None, gt=0, le=1, allow_inf_nan=False, description="a share above 0, up to 1,"
    )
    source: str = lines_key(400)
    offered: bool = flag_key(True)
    options: _Options = _Options()
    rule: Any = None
    cases: list[_Case] = Field(default_factory=list)


@cache
def _tables_of(keys: tuple[str, ...]) -> tuple[type[_File], dict[str, type[TomlTable]]]:
    """Return a file's table, and those in it, for the classes of a scheme."""
    each: dict[str, Any] = {key: (int, _count()) for key in keys}
    counts: Any = create_model("_Counts", __base__=_Counts, **each)
    some = ", ".join(f"{key} = 5" for key in keys[::2][:2])
    expected = f"a whole number from 1 to {MAX_CASES}, or one for each class as in {{ {some} }},"
    spread = BeforeValidator(partial(_spread, keys))
    field = Field(default=counts(), description=expected)
    rule: Any = create_model("_Rule", __base__=_Rule, per_class=(Annotated[counts, spread], field))
    file: Any = create_model("_File", __base__=_File, rule=(rule | None, None))
    inner = {"options": _Options, "rule": rule, "rule.per_class": counts, "cases": _Case}
    return file, inner


def _keys_of(raw: dict[str, Any], schemes: SchemeKeys) -> tuple[str, ...]:
    """Return the keys of a file's scheme; of one that is not there those of oct2017."""
    name = raw.get("scheme")
    known = schemes.get(name) if isinstance(name, str) else None
    return tuple(known or schemes[OCT2017.name])


_PER_CLASS = ("rule", "per_class")
_LEAVE_OUT = "; leave an empty class out"


def _check(raw: dict[str, Any], keys: tuple[str, ...]) -> tuple[_File, list[tuple[Place, str]]]:
    """Return what can be understood of a file, and what cannot, with its place."""
    given = {**raw, "cases": raw["cases"] if isinstance(raw.get("cases"), list) else []}
    whole, inner = _tables_of(keys)
    file, found = check_tables(whole, inner, given)
    if _PER_CLASS in found:
        found[_PER_CLASS] += _LEAVE_OUT
    return file, list(found.items())


def _to_quiz(key: str, version: str, file: _File, keys: Sequence[str]) -> QuizFile:
    rule = None
    if file.rule is not None:
        counts = file.rule.per_class
        rule = Rule({key: getattr(counts, key) for key in keys}, file.rule.seed)
    chosen = {name: getattr(file.options, name) for name in (*FLAGS, *NUMBERS)}
    return QuizFile(
        key=key,
        version=version,
        title=file.title,
        description=file.description,
        deck=file.deck,
        language=file.language,
        rule=rule,
        cases=tuple(dict.fromkeys(case.sha256 for case in file.cases if case.sha256)),
        seed=rule.seed if rule else file.options.seed,
        options=Options(is_exam=file.mode == "exam", pass_mark=file.pass_mark, **chosen),
        source=file.source,
        scheme=file.scheme,
        offered=file.offered,
    )


def _find_contradictions(
    raw: dict[str, Any], quiz: QuizFile, keys: tuple[str, ...]
) -> Iterator[tuple[Place, str]]:
    """Give what is missing, and what each key allows but not all of them together."""
    rule, options = raw.get("rule"), raw.get("options")
    if "title" not in raw:
        yield ("", "title"), "expected a 'title', received none"
    if ("rule" in raw) == ("cases" in raw):
        received = "both" if "rule" in raw else "neither"
        yield ("", "rule"), f"expected [rule] or [[cases]], received {received}"
    if "rule" in raw and "deck" not in raw:
        yield ("", "rule"), "expected a 'deck' that the rule draws from, received none"
    if "rule" in raw and isinstance(options, dict) and "seed" in options:
        yield ("options", "seed"), "expected the seed in [rule] only, since there is a rule"
    if isinstance(rule, dict) and rule.get("per_class", {}) == {}:
        expected = _tables_of(keys)[1]["rule"].model_fields["per_class"].description
        received = short(rule.get("per_class"))
        yield _PER_CLASS, f"expected {expected} as 'per_class', received {received}{_LEAVE_OUT}"
    if quiz.rule and quiz.size > MAX_CASES:
        yield _PER_CLASS, f"expected at most {MAX_CASES} cases, received {quiz.size}"


def _find_faults_of_cases(cases: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(cases, list) or not cases:
        yield ("", "cases"), "expected tables [[cases]], one or more"
        return
    if len(cases) > MAX_CASES:
        yield ("", "cases"), f"expected at most {MAX_CASES} cases, received {len(cases)}"
    seen: dict[str, int] = {}
    for number, case in enumerate(cases, 1):
        place = (f"cases[{number}]", "sha256")
        digest = case.get("sha256") if isinstance(case, dict) else ""
        if digest is None:
            yield place, "expected a 'sha256' of this case, received none"
        elif isinstance(digest, str) and HASH.fullmatch(digest):
            if digest in seen:
                yield place, f"case {number} is the same scan as case {seen[digest]}"
            seen.setdefault(digest, number)


def _find_contradictory_options(chosen: Options) -> Iterator[tuple[Place, str]]:
    if chosen.is_exam and chosen.second_look:
        what = "expected no second look in an exam: it shows the model's answer before the end"
        yield ("options", "second_look"), what
    for key in () if chosen.is_exam else EXAM_ONLY:
        if getattr(chosen, key) is not None:
            table = "" if key in _File.model_fields else "options"
            what = f'{key!r} is for exams only; write mode = "exam", or leave it out'
            yield (table, key), what
    if chosen.case_seconds and chosen.total_seconds and chosen.case_seconds > chosen.total_seconds:
        what = "expected 'case_seconds' of at most 'total_seconds'"
        yield ("options", "case_seconds"), f"{what}, received {chosen.case_seconds}"


def case_names(text: str) -> dict[str, str]:
    """Return the cases' names in the text of a quiz file without faults, by SHA-256."""
    cases = tomllib.loads(text).get("cases", [])
    return {case["sha256"]: case["name"] for case in cases if "name" in case}
