"""A quiz as the text of its file."""

from collections.abc import Iterator, Mapping

from octtutor.core.quizfile.quiz_file import DEFAULTS, FLAGS, MODES, NUMBERS, QuizFile, Rule
from octtutor.core.scheme import OCT2017


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
        name = "".join(filter(str.isprintable, (names or {}).get(digest, "")))[:200]
        if name:
            lines.append(f"name = {_quoted(name)}")
    return "\n".join(lines) + "\n"


def _counts(rule: Rule) -> str:
    counts = set(rule.per_class.values())
    if len(counts) == 1:
        return str(*counts)
    each = ", ".join(f"{key} = {count}" for key, count in rule.per_class.items() if count)
    return f"{{ {each} }}"


def _facts(quiz: QuizFile) -> Iterator[str]:
    facts = {
        "title": quiz.title,
        "description": quiz.description,
        "deck": quiz.deck,
        "scheme": quiz.scheme if quiz.scheme != OCT2017.name else "",
        "language": quiz.language,
        "mode": MODES[quiz.options.is_exam],
    }
    yield from (f"{key} = {_quoted(value)}" for key, value in facts.items() if value)
    if quiz.options.pass_mark is not None:
        yield f"pass_mark = {quiz.options.pass_mark!r}"
    if not quiz.offered:
        yield "offered = false"
    if quiz.source:
        yield f"source = {_quoted(quiz.source)}"


def _settings(quiz: QuizFile) -> Iterator[str]:
    """Give the lines of [options], only those that differ from what holds without them."""
    chosen = {key: getattr(quiz.options, key) for key in (*FLAGS, *NUMBERS)}
    given = {key: value for key, value in chosen.items() if value != getattr(DEFAULTS, key)}
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
