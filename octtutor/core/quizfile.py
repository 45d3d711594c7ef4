"""A quiz file: which cases, how they are played, and what people are told of them. TOML.

    title = "Drusen or CNV?"
    description = "The confusion that costs most sight."
    deck = "embedded"
    mode = "practice"

    [options]
    mark_where = true

    [rule]
    per_class = { CNV = 5, DRUSEN = 5 }
    seed = 1

Instead of `[rule]`, which draws the same cases of the same deck each time, the cases can be named:

    [[cases]]
    sha256 = "0a1b…"
    name = "a name for people; it is never shown before the answer"
"""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from octtutor.core.diagnosis import LABELS
from octtutor.core.quiz import Options

MAX_BYTES = 1_000_000
MAX_CASES = 1000
MAX_SEED = 2**31 - 1
EXAM_ONLY = ("pass_mark", "attempts", "retest_days")
"""Practice tells the truth at once and can be taken again at once: there they mean nothing."""
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DECK = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_HASH = re.compile(r"[0-9a-f]{64}")
_MODES = ("practice", "exam")
_WHOLE = {
    "case_seconds": 3600,
    "total_seconds": 24 * 3600,
    "attempts": 100,
    "retest_days": 3650,
}
"""The options that are whole numbers from 1, with the most that each may be."""
_FLAGS = ("confidence", "second_look", "mark_where")
_TOP = (
    "title",
    "description",
    "deck",
    "language",
    "mode",
    "pass_mark",
    "source",
    "options",
    "rule",
    "cases",
)
_OPTIONS = (*_FLAGS, *_WHOLE, "seed")
_RULE = ("per_class", "seed")
_CASE = ("sha256", "name")
_PLAIN = Options()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a quiz file, and where."""

    line: int
    """From 1; 0 where it is of the file as a whole."""
    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How many cases of each class, drawn from the deck with a seed."""

    per_class: tuple[int, int, int, int]
    """In LABELS order."""
    seed: int


@dataclass(frozen=True, slots=True)
class QuizFile:
    """A quiz as its file says. It has a rule or named cases, never both."""

    key: str
    """The file's name without `.toml`."""
    version: str
    """The first 12 digits of the SHA-256 of the file's text, with Unix line ends."""
    title: str
    description: str
    deck: str
    """Its name; empty: any deck that holds the named cases."""
    language: str
    rule: Rule | None
    cases: tuple[str, ...]
    """SHA-256 of each named case; their order in the file means nothing."""
    seed: int
    """Of the order in which the cases come; the rule's own where there is one."""
    options: Options
    source: str
    """Where the scans can be had, for people who lack them; empty where they ship."""

    @property
    def size(self) -> int:
        """How many cases it has."""
        return len(self.cases) or sum(self.rule.per_class if self.rule else ())


class Places:
    """The line of each key of a quiz file, from 1."""

    def __init__(self, text: str) -> None:
        """Look through the text once."""
        self._lines: dict[tuple[str, str], int] = {}
        self._scans: dict[str, int] = {}
        self._here = ""
        self._counts: Counter[str] = Counter()
        for number, line in enumerate(_code_lines(text), 1):
            for digest in _HASH.findall(line):
                self._scans.setdefault(digest, number)
            head = _HEAD.match(line)
            if head:
                self._enter(head["name"], bool(head["list"]), number)
            elif found := _KEYS.match(line):
                self._note(self._here, found[1], number)

    def of(self, table: str, key: str) -> int:
        """Return the line of a key, of its table where it is missing, else 0.

        Args:
            table: "" is the top, `rule` and `options` are tables, `rule.per_class` is a table in
                one, `cases[1]` is the first case.
            key: within it.
        """
        outer, _, inner = table.rpartition(".")
        outermost = ("", re.split(r"[.[]", table)[0])
        places = ((table, key), ("", table), (outer, inner), outermost)
        return next((self._lines[place] for place in places if place in self._lines), 0)

    def of_scan(self, sha256: str) -> int:
        """Return the line that first names a scan, else 0."""
        return self._scans.get(sha256, 0)

    def _enter(self, name: str, is_list: bool, number: int) -> None:
        self._note("", name, number)
        if is_list:
            self._counts[name] += 1
            name = f"{name}[{self._counts[name]}]"
            self._note("", name, number)
        self._here = ".".join(_parts(name))

    def _note(self, table: str, dotted: str, number: int) -> None:
        for part in _parts(dotted):
            self._lines.setdefault((table, part), number)
            table = f"{table}.{part}" if table else part


_PART = r"""(?:[\w\[\]-]+|"[^"]*"|'[^']*')"""
_KEYS = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEAD = re.compile(r"\s*\[(?P<list>\[)?\s*(?P<name>[^\[\]]+?)\s*\]")


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _code_lines(text: str) -> Iterator[str]:
    """Give the lines, those that begin inside a string of several lines empty."""
    inside = ""
    for line in text.split("\n"):
        yield "" if inside else line
        for mark in re.findall(r'"""|\'\'\'', line):
            inside = mark if not inside else "" if mark == inside else inside


def read_quiz(key: str, data: bytes) -> QuizFile | tuple[Fault, ...]:
    """Read a quiz file's bytes; see `parse_quiz`."""
    return _whole(*read_draft(key, data))


def parse_quiz(key: str, text: str) -> QuizFile | tuple[Fault, ...]:
    """Read a quiz file's text.

    Args:
        key: the file's name without `.toml`.
        text: what is in it.

    Returns:
        The quiz, or every fault that was found, by line.
    """
    return _whole(*_parse(key, text))


def read_draft(key: str, data: bytes) -> tuple[QuizFile | None, tuple[Fault, ...]]:
    """Read a quiz file's bytes as far as they can be understood.

    Returns:
        The quiz without what is wrong in it, None where nothing can be read; and every fault that
        was found, by line.
    """
    if len(data) > MAX_BYTES:
        return None, (Fault(0, f"expected at most {MAX_BYTES:,} bytes"),)
    try:
        return _parse(key, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, (Fault(line, "expected UTF-8; save it as that"),)


def _parse(key: str, text: str) -> tuple[QuizFile | None, tuple[Fault, ...]]:
    faults: list[Fault] = []
    if not _FILE_NAME.fullmatch(key):
        faults.append(Fault(0, f"expected a name of a-z, 0-9 and -, received {key[:64]!r}"))
    try:
        raw = tomllib.loads(text)
        data = text.replace("\r\n", "\n").encode()
    except (ValueError, RecursionError) as error:
        return None, (*faults, _syntax(error, text))
    top = _Table(raw, "", _TOP, Places(text), faults)
    options = top.table("options", _OPTIONS)
    quiz = _read(key, hashlib.sha256(data).hexdigest()[:12], top, options)
    _find_contradictions(quiz, top, options)
    return quiz, tuple(sorted(faults, key=lambda fault: fault.line))


def _whole(quiz: QuizFile | None, faults: tuple[Fault, ...]) -> QuizFile | tuple[Fault, ...]:
    return faults if faults or quiz is None else quiz


def _syntax(error: Exception, text: str) -> Fault:
    if isinstance(error, RecursionError):
        return Fault(0, "not TOML that can be read: too deep")
    said = str(error)
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if found is None:
        return Fault(0, f"not TOML: {said[:200]}")
    last = text.rstrip("\n").count("\n") + 1
    return Fault(int(found[1] or last), f"not TOML: {said[: found.start()]}")


class _Table:
    """Takes values out of one table of the file and notes what is wrong with them."""

    def __init__(
        self,
        values: Mapping[str, Any],
        name: str,
        known: tuple[str, ...],
        places: Places,
        faults: list[Fault],
    ) -> None:
        self.values, self._name, self._places, self.faults = values, name, places, faults
        for key in values:
            if key not in known:
                self.fault(key, f"unknown key {key[:60]!r}; expected {', '.join(known)}")

    def fault(self, key: str, what: str) -> None:
        self.faults.append(Fault(self._places.of(self._name, key), what))

    def table(self, key: str, known: tuple[str, ...]) -> "_Table":
        """Return a table in this one, an empty one where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, f"expected a table [{key}], received {_short(value)}")
            value = {}
        return _Table(value, key, known, self._places, self.faults)

    def counts(self, key: str) -> list[int]:
        """Return the numbers of a table in this one, in LABELS order; a missing one is 0."""
        given = self.values[key]
        inner = _Table(given, f"{self._name}.{key}", tuple(given), self._places, self.faults)
        for name in given:
            if name not in LABELS:
                inner.fault(name, f"unknown class {name[:40]!r}; expected {', '.join(LABELS)}")
        expected = f"a whole number from 1 to {MAX_CASES} (leave an empty class out)"

        def fits(value: Any) -> bool:
            return _is_whole(value, 1, MAX_CASES)

        return [inner.take(str(label), 0, fits, expected) for label in LABELS]

    def each(self, key: str, known: tuple[str, ...]) -> "Iterator[_Table]":
        """Give the tables of a list; what is none is a fault."""
        for number, value in enumerate(self.values[key], 1):
            name = f"{key}[{number}]"
            if isinstance(value, dict):
                yield _Table(value, name, known, self._places, self.faults)
            else:
                self.fault(name, f"expected a table [[{key}]], received {_short(value)}")

    def take(self, key: str, default: T, fits: Callable[[Any], bool], expected: str) -> T:
        """Return a value that fits; the default where it is missing or does not."""
        value = self.values.get(key, default)
        if key not in self.values or fits(value):
            return value  # type: ignore[no-any-return]
        self.fault(key, f"expected {expected} as {key!r}, received {_short(value)}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        return self.take(key, default, lambda value: isinstance(value, bool), "true or false")

    def whole(self, key: str, default: T, least: int, most: int) -> T:
        expected = f"a whole number from {least} to {most}"
        return self.take(key, default, lambda value: _is_whole(value, least, most), expected)

    def line(self, key: str, most: int, default: str = "") -> str:
        """Return a text of one line, not empty."""

        def fits(value: Any) -> bool:
            return _is_text(value, most) and bool(value.strip()) and "\n" not in value

        return self.take(key, default, fits, f"one line of text, 1 to {most} characters,")

    def lines(self, key: str, most: int) -> str:
        """Return a text, maybe of several lines."""
        expected = f"text of at most {most} characters"
        return self.take(key, "", lambda value: _is_text(value, most), expected)

    def like(self, key: str, default: str, pattern: re.Pattern[str], expected: str) -> str:
        def fits(value: Any) -> bool:
            return isinstance(value, str) and bool(pattern.fullmatch(value))

        return self.take(key, default, fits, expected)


def _read(key: str, version: str, top: _Table, options: _Table) -> QuizFile:
    if "title" not in top.values:
        top.fault("title", "expected a 'title', received none")
    rule = _read_rule(top) if "rule" in top.values else None
    seed = options.whole("seed", 1, 0, MAX_SEED)
    return QuizFile(
        key=key,
        version=version,
        title=top.line("title", 80),
        description=top.lines("description", 400),
        deck=top.like("deck", "", _DECK, "a deck's name of a-z, 0-9, - and _"),
        language=top.like("language", "en", _LANGUAGE, "a language such as 'en' or 'pt-BR'"),
        rule=rule,
        cases=_read_cases(top) if "cases" in top.values else (),
        seed=rule.seed if rule else seed,
        options=_read_options(top, options),
        source=top.lines("source", 400),
    )


def _read_options(top: _Table, options: _Table) -> Options:
    mode = top.take("mode", _MODES[0], lambda value: value in _MODES, "'practice' or 'exam'")
    mark = top.take("pass_mark", None, _is_share, "a share above 0, up to 1,")
    flags = {key: options.flag(key, getattr(_PLAIN, key)) for key in _FLAGS}
    limits = {key: options.whole(key, None, 1, most) for key, most in _WHOLE.items()}
    return Options(
        is_exam=mode == "exam",
        pass_mark=None if mark is None else float(mark),
        **flags,
        **limits,  # type: ignore[arg-type]
    )


def _read_rule(top: _Table) -> Rule:
    table = top.table("rule", _RULE)
    counts = _read_counts(table)
    if sum(counts) > MAX_CASES:
        table.fault("per_class", f"expected at most {MAX_CASES} cases, received {sum(counts)}")
    return Rule((counts[0], counts[1], counts[2], counts[3]), table.whole("seed", 1, 0, MAX_SEED))


def _read_counts(table: _Table) -> list[int]:
    """Return how many of each class a rule wants, in LABELS order; 0 where that is wrong."""
    value: Any = table.values.get("per_class")
    if isinstance(value, dict) and value:
        return table.counts("per_class")
    if _is_whole(value, 1, MAX_CASES):
        return [value] * len(LABELS)
    what = (
        f"expected a whole number from 1 to {MAX_CASES}, or one for each class as in "
        f"{{ CNV = 5, DRUSEN = 5 }}, as 'per_class', received {_short(value)}; leave an "
        "empty class out"
    )
    table.fault("per_class", what)
    return [0] * len(LABELS)


def _read_cases(top: _Table) -> tuple[str, ...]:
    tables = top.values["cases"]
    if not isinstance(tables, list) or not tables:
        top.fault("cases", "expected tables [[cases]], one or more")
        return ()
    if len(tables) > MAX_CASES:
        top.fault("cases", f"expected at most {MAX_CASES} cases, received {len(tables)}")
    seen: dict[str, int] = {}
    for number, table in enumerate(top.each("cases", _CASE), 1):
        digest = table.like("sha256", "", _HASH, "64 small hex digits")
        table.lines("name", 200)
        if "sha256" not in table.values:
            table.fault("sha256", "expected a 'sha256' of this case, received none")
        elif digest in seen:
            table.fault("sha256", f"case {number} is the same scan as case {seen[digest]}")
        if digest:
            seen.setdefault(digest, number)
    return tuple(seen)


def _find_contradictions(quiz: QuizFile, top: _Table, options: _Table) -> None:
    """Note what each key allows but not all of them together."""
    has_rule, has_cases = "rule" in top.values, "cases" in top.values
    if has_rule and has_cases:
        top.fault("rule", "expected [rule] or [[cases]], received both")
    elif not has_rule and not has_cases:
        top.fault("", "expected [rule] or [[cases]], received neither")
    if has_rule and "deck" not in top.values:
        top.fault("rule", "expected a 'deck' that the rule draws from, received none")
    if has_rule and "seed" in options.values:
        options.fault("seed", "expected the seed in [rule] only, since there is a rule")
    _find_contradictory_options(quiz.options, top, options)


def _find_contradictory_options(chosen: Options, top: _Table, options: _Table) -> None:
    if chosen.is_exam and chosen.second_look:
        what = "expected no second look in an exam: it shows the model's answer before the end"
        options.fault("second_look", what)
    for key in () if chosen.is_exam else EXAM_ONLY:
        if getattr(chosen, key) is not None:
            table = top if key in _TOP else options
            table.fault(key, f'{key!r} is for exams only; write mode = "exam", or leave it out')
    if chosen.case_seconds and chosen.total_seconds and chosen.case_seconds > chosen.total_seconds:
        what = "expected 'case_seconds' of at most 'total_seconds'"
        options.fault("case_seconds", f"{what}, received {chosen.case_seconds}")


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _is_text(value: Any, most: int) -> bool:
    """Whether it is text without control characters other than the end of a line."""
    if not isinstance(value, str) or len(value) > most:
        return False
    return not any(ord(letter) < 32 or ord(letter) == 127 for letter in value if letter != "\n")


def _short(value: Any) -> str:
    try:
        return "nothing" if value is None else repr(value)[:60]
    except ValueError:  # Python writes no whole number of over 4,300 digits
        return "a number that is too long"


def case_names(text: str) -> dict[str, str]:
    """Return the cases' names in the text of a quiz file without faults, by SHA-256."""
    cases = tomllib.loads(text).get("cases", [])
    return {case["sha256"]: case["name"] for case in cases if "name" in case}


def write_quiz(quiz: QuizFile, names: Mapping[str, str] | None = None) -> str:
    """Return the text of a quiz file.

    Args:
        quiz: its key and version are not in the text.
        names: by SHA-256, a name of each case for people who read the file.
    """
    lines = [*_facts(quiz), *_settings(quiz)]
    if quiz.rule is not None:
        lines += ["", "[rule]", f"per_class = {_counts(quiz.rule)}", f"seed = {quiz.rule.seed}"]
    for digest in quiz.cases:
        lines += ["", "[[cases]]", f"sha256 = {_quoted(digest)}"]
        if name := _in_one_line((names or {}).get(digest, "")):
            lines.append(f"name = {_quoted(name)}")
    return "\n".join(lines) + "\n"


def _counts(rule: Rule) -> str:
    if len(set(rule.per_class)) == 1:
        return str(rule.per_class[0])
    counts = zip(LABELS, rule.per_class, strict=True)
    each = ", ".join(f"{label} = {count}" for label, count in counts if count)
    return f"{{ {each} }}"


def _in_one_line(name: str) -> str:
    return "".join(filter(str.isprintable, name))[:200]


def _facts(quiz: QuizFile) -> Iterator[str]:
    facts = {
        "title": quiz.title,
        "description": quiz.description,
        "deck": quiz.deck,
        "language": quiz.language,
        "mode": _MODES[quiz.options.is_exam],
    }
    yield from (f"{key} = {_quoted(value)}" for key, value in facts.items() if value)
    if quiz.options.pass_mark is not None:
        yield f"pass_mark = {quiz.options.pass_mark!r}"
    if quiz.source:
        yield f"source = {_quoted(quiz.source)}"


def _settings(quiz: QuizFile) -> Iterator[str]:
    """Give the lines of [options], only those that differ from what holds without them."""
    chosen = {key: getattr(quiz.options, key) for key in (*_FLAGS, *_WHOLE)}
    given = {key: value for key, value in chosen.items() if value != getattr(_PLAIN, key)}
    if quiz.rule is None:
        given["seed"] = quiz.seed
    if given:
        yield from ("", "[options]")
    for key, value in given.items():
        yield f"{key} = {str(value).lower() if isinstance(value, bool) else value}"


def _quoted(text: str) -> str:
    """Write text as a TOML string."""
    whole = text.encode("utf-8", "replace").decode()
    escaped = whole.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_plain, escaped)) + '"'


def _plain(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 32 or code == 127 else character
