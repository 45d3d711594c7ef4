"""`octtutor quiz list|check|build|show`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from octtutor.cli.output import Json, note, print_json
from octtutor.core.quiz import Options
from octtutor.core.quizfile.quiz_file import QuizFile
from octtutor.core.quizfile.writing import write_quiz
from octtutor.core.tomlfile.fault import Fault
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.tutor.decks.deck_import import EMBEDDED
from octtutor.tutor.exams.quiz_building import build_quiz
from octtutor.tutor.exams.quizzes import Listed, Quizzes

app = typer.Typer(help="Quiz files: list, check, build, show.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the quizzes, yours and the shipped ones, and whether they can be played here."""
    with _opened() as quizzes:
        rows = [_facts(quizzes, listed) for listed in quizzes.all()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "ready" if row["playable"] else "not playable here: see quiz check"
        what = f"{row['cases']} cases, {row['mode']}" if row["title"] else "cannot be read"
        own = "yours" if row["own"] else "shipped"
        typer.echo(f"{row['quiz']}: {row['title'] or '-'} ({what}, {own}; {state})")


@app.command("check")
def check(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|KEY]…", help="Files or quizzes; all quizzes by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for faults: in the file, and of scans that are not here. Exit 1 when there are any."""
    with _opened() as quizzes:
        chosen, lost = _find_all(quizzes, words) if words else (quizzes.all(), [])
        checked = [(listed, quizzes.check_listed(listed)) for listed in chosen]
    if as_json:
        print_json([_checked(listed, faults) for listed, faults in checked])
    else:
        _say_faults(checked)
    for error in lost[1:]:
        note(str(error))
    if lost:
        raise lost[0]
    if any(faults for _, faults in checked):
        raise typer.Exit(1)


@app.command("show")
def show(
    key: Annotated[str, typer.Argument(help="The quiz's name.")], as_json: Json = False
) -> None:
    """Show what a quiz is, how it is played, and whether it can be played here."""
    with _opened() as quizzes:
        quiz = quizzes.find(key)
        listed = quizzes.find_listed(key)
        assert listed is not None  # found just now
        facts = _facts(quizzes, listed)
        faults = quizzes.check(quiz)
        deck, per_class = quiz.deck, dict(quiz.rule.per_class) if quiz.rule else None
        if not faults:
            resolved = quizzes.resolve(quiz)
            counts = Counter(case.label for case in resolved.cases)
            deck, per_class = resolved.deck, {}
            per_class = {key: counts[key] for key in quizzes.scheme_of(deck).keys}
    facts |= {
        "description": quiz.description,
        "deck": deck or None,
        "per_class": per_class,
        "seed": quiz.seed,
        "options": asdict(quiz.options),
        "source": quiz.source,
        "version": quiz.version,
    }
    if as_json:
        print_json(facts)
    else:
        _say(facts)


@app.command("build")
def build(
    title: Annotated[str, typer.Option(help="What trainees see.")],
    description: Annotated[str, typer.Option(help="Likewise.")] = "",
    deck: Annotated[str | None, typer.Option(help="The deck to draw from.")] = None,
    per_class: Annotated[
        str | None, typer.Option(help="N of each class, or as in CNV=5,DRUSEN=5.")
    ] = None,
    listing: Annotated[
        Path | None, typer.Option("--list", help="Name the scans of a list (CSV of data draw).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and the order.")] = 1,
    mode: Annotated[
        str, typer.Option(help="practice, or exam: the truth at the end only.")
    ] = "practice",
    confidence: Annotated[bool, typer.Option(help="Ask how sure each answer is.")] = True,
    second_look: Annotated[
        bool, typer.Option(help="Show the model before the truth; keep or change.")
    ] = False,
    mark_where: Annotated[bool, typer.Option(help="Ask for a click on the finding.")] = False,
    case_seconds: Annotated[int | None, typer.Option(help="Time for each case.")] = None,
    total_seconds: Annotated[int | None, typer.Option(help="Time in all.")] = None,
    attempts: Annotated[int | None, typer.Option(help="How often an exam may be taken.")] = None,
    retest_days: Annotated[
        int | None, typer.Option(help="An exam is due again after so many days.")
    ] = None,
    pass_mark: Annotated[
        float | None, typer.Option(help="Share of right answers that passes an exam.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of title and description.")] = "en",
    source: Annotated[str, typer.Option(help="Where the scans can be had.")] = "",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    name: Annotated[str | None, typer.Option("--as", help="Save as a quiz of this name.")] = None,
) -> None:
    """Make a quiz file by a rule (--per-class), or of the scans of a list (--list)."""
    options = Options(
        is_exam=_is_exam(mode),
        confidence=confidence,
        second_look=second_look,
        mark_where=mark_where,
        case_seconds=case_seconds,
        total_seconds=total_seconds,
        attempts=attempts,
        retest_days=retest_days,
        pass_mark=pass_mark,
    )
    scheme = OCT2017_SCHEME
    if deck:
        with _opened() as quizzes:
            scheme = quizzes.scheme_of(deck)
    counts, rows = _read_choice(per_class, listing, scheme.keys)
    quiz = build_quiz(
        _key_for(out, name),
        title,
        description=description,
        deck=deck if deck is not None else EMBEDDED if counts else "",
        language=language,
        per_class=counts,
        cases=[row["sha256"] for row in rows],
        seed=seed,
        options=options,
        source=source,
        scheme=scheme,
    )
    _write(quiz, {row["sha256"]: row.get("name") or "" for row in rows}, out)


@app.callback()
def quiz() -> None:
    """Quiz files: list, check, build, show."""


@contextmanager
def _opened() -> Iterator[Quizzes]:
    """Open the quizzes and the records, with the deck that ships with the program."""
    from octtutor.wiring import add_embedded_deck, open_archive, open_quizzes, read_settings

    settings = read_settings()
    archive = open_archive(settings)
    try:
        if archive.store.find_deck(EMBEDDED) is None:
            add_embedded_deck(archive)
        yield open_quizzes(archive, settings)
    finally:
        archive.store.close()


def _find_all(quizzes: Quizzes, words: Sequence[str]) -> tuple[list[Listed], list[BadInputError]]:
    """Return the quizzes of names, else the files of paths, and what was not found."""
    found, lost = [], []
    for word in words:
        try:
            found.append(quizzes.find_listed(word) or quizzes.read(Path(word)))
        except BadInputError as error:
            lost.append(error)
    return found, lost


def _facts(quizzes: Quizzes, listed: Listed) -> dict[str, Any]:
    quiz, faults = listed.quiz, quizzes.check_listed(listed)
    return {
        "quiz": listed.key,
        "title": quiz.title if quiz else None,
        "mode": ("exam" if quiz.options.is_exam else "practice") if quiz else None,
        "language": quiz.language if quiz else None,
        "cases": quiz.size if quiz else None,
        "own": listed.is_own,
        "file": str(listed.path),
        "playable": not faults,
        "faults": [asdict(fault) for fault in faults],
    }


def _checked(listed: Listed, faults: Sequence[Fault]) -> dict[str, Any]:
    return {
        "quiz": listed.key,
        "file": str(listed.path),
        "faults": [asdict(fault) for fault in faults],
    }


def _say_faults(checked: Sequence[tuple[Listed, Sequence[Fault]]]) -> None:
    for listed, faults in checked:
        for fault in faults:
            typer.echo(f"{listed.path}:{max(fault.line, 1)}: {fault.what}")
    wrong = sum(bool(faults) for _, faults in checked)
    note(f"Quizzes checked: {len(checked)}. With faults: {wrong}.")


def _say(facts: dict[str, Any]) -> None:
    per_class = facts["per_class"] or {}
    counts = ", ".join(f"{label} {n}" for label, n in per_class.items() if n)
    options = {key: value for key, value in facts["options"].items() if key != "is_exam"}
    chosen = [key if value is True else f"{key} {value}" for key, value in options.items() if value]
    lines = {
        "title": facts["title"],
        "about": facts["description"],
        "mode": f"{facts['mode']}, language {facts['language']}, version {facts['version']}",
        "cases": f"{facts['cases']} ({counts or 'named ones'}), deck {facts['deck'] or 'any'}",
        "options": ", ".join(chosen) or "none",
        "source": facts["source"],
        "file": facts["file"],
        "here": "can be played" if facts["playable"] else "cannot be played",
    }
    for what, text in lines.items():
        if text:
            typer.echo(f"{what}: {text}")
    for fault in facts["faults"]:
        typer.echo(f"  line {fault['line']}: {fault['what']}")


def _is_exam(mode: str) -> bool:
    if mode not in ("practice", "exam"):
        raise BadInputError(
            f"Expected --mode practice or --mode exam. Received {mode[:40]!r}. Write one of them."
        )
    return mode == "exam"


def _key_for(out: Path | None, name: str | None) -> str:
    if (out is None) == (name is None):
        raise BadInputError(
            "Expected --out FILE.toml or --as NAME. Received both or neither. Give one of them."
        )
    if out is None:
        return str(name)
    if out.suffix != ".toml" or out.exists():
        raise BadInputError(
            f"Expected a new file that ends with .toml. Received {str(out)[:200]!r}. Give another "
            "name, or remove that file."
        )
    return out.stem


def _read_choice(
    per_class: str | None, listing: Path | None, keys: Sequence[str]
) -> tuple[dict[str, int] | None, list[dict[str, str]]]:
    """Return the counts of a rule or None, and the rows of a list."""
    if (per_class is None) == (listing is None):
        raise BadInputError(
            "Expected --per-class or --list. Received both or neither. Give one of them."
        )
    if listing is None:
        return _read_counts(str(per_class), keys), []
    from octtutor.datasets.listing import read_listing

    return None, read_listing(listing)


def _read_counts(text: str, keys: Sequence[str]) -> dict[str, int]:
    pairs = [word.partition("=") for word in text.split(",")]
    try:
        if len(pairs) == 1 and not pairs[0][1]:
            return dict.fromkeys(keys, int(text))
        counts = {keys[keys.index(label.strip().upper())]: int(n) for label, _, n in pairs}
    except ValueError as error:
        raise _bad_counts(text) from error
    if len(counts) != len(pairs) or min(counts.values()) < 1:
        raise _bad_counts(text)
    return counts


def _bad_counts(text: str) -> BadInputError:
    return BadInputError(
        "Expected --per-class N or, for some classes only, as in CNV=5,DRUSEN=5. Received "
        f"{text[:60]!r}. Name each class once, with 1 case or more."
    )


def _write(quiz: QuizFile, names: dict[str, str], out: Path | None) -> None:
    from octtutor.datasets.images import write_atomically

    text = write_quiz(quiz, names)
    with _opened() as quizzes:
        if out is None:
            path = quizzes.save(text, quiz.key, replacing=False)
        else:
            path = out
            write_atomically(path, text.encode())
        for fault in quizzes.check(quiz):
            note(f"It cannot be played here yet: {fault.what}")
    typer.echo(f"Written: {path}, {quiz.size} cases")
