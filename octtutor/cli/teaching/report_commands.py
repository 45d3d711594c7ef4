"""`octtutor report`: a trainee's progress, or a session, as HTML, CSV and iMRMC."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octtutor.cli.output import Json, note, print_json
from octtutor.errors import BadInputError

if TYPE_CHECKING:
    from octtutor.core.quiz import Trainee
    from octtutor.core.session import Session
    from octtutor.store.contract import Store
    from octtutor.tutor.ports import Clock
    from octtutor.tutor.progress.progress import TrainedOn
    from octtutor.tutor.progress.trainee_records import Records

FORMATS = ("html", "csv", "imrmc", "imrmc-r")
Files = dict[str, bytes]
"""Content by name."""


def report(
    out: Annotated[
        Path, typer.Option("--out", help="A folder; or a file, where there is one to write.")
    ] = Path(),
    trainee: Annotated[
        str | None, typer.Option("--trainee", help="A trainee's number, or nickname.")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", help="A session's code.")] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format", help="Some of html, csv, imrmc and imrmc-r (doAUCmrmc), with commas."
        ),
    ] = "html,csv,imrmc",
    as_json: Json = False,
) -> None:
    """Write what a trainee, or a session, has read: HTML, CSV and iMRMC."""
    from octtutor.core.disclosure import Audience
    from octtutor.model.serve.trained_on import trained_on_by
    from octtutor.reports.session_files import session_files
    from octtutor.tutor.progress.trainee_records import Records
    from octtutor.tutor.sessions.gathering import gather
    from octtutor.wiring import now, open_schemes, open_store, read_settings

    wanted = _parse_formats(formats)
    if (trainee is None) == (session is None):
        raise BadInputError(
            "Expected --trainee or --session, one of them. Received "
            f"{'neither' if trainee is None else 'both'}. Give one."
        )
    settings = read_settings()
    store = open_store(settings)
    try:
        trained_on = trained_on_by(settings.model_folders)
        if trainee is not None:
            records = Records(store, now, Audience.EDUCATOR, open_schemes(settings))
            who = _find_trainee(store, trainee)
            files = _of_trainee(store, records, who, wanted, now, trained_on)
        else:
            found = _find_session(store, str(session))
            gathered = gather(store, found, open_schemes(settings).of(found.scheme))
            handed = session_files(store, gathered, wanted, now(), trained_on)
            files = {name: text.encode() for name, text in handed.items()}
    finally:
        store.close()
    written = _write(out, files)
    if as_json:
        print_json({"files": [str(path) for path in written]})
        return
    for path in written:
        typer.echo(str(path))


def _parse_formats(text: str) -> tuple[str, ...]:
    asked = [word.strip().lower() for word in text.split(",") if word.strip()]
    unknown = [word for word in asked if word not in FORMATS]
    if unknown or not asked:
        raise BadInputError(
            f"Expected some of {', '.join(FORMATS)} as formats. Received {text[:60]!r}. Give them "
            "with commas between."
        )
    return tuple(name for name in FORMATS if name in asked)


def _find_trainee(store: "Store", word: str) -> "Trainee":
    """Find a trainee by number, or by a nickname that only one has."""
    found = store.find_trainee(word)
    if found is not None:
        return found
    named = [who for who in store.trainees() if who.nickname.casefold() == word.casefold()]
    if len(named) == 1:
        return named[0]
    if not named:
        raise BadInputError(
            f"Expected a trainee's number or nickname. There is none {word[:60]!r} in the "
            "records. Trainees see their own data in the page's tab Progress."
        )
    numbers = ", ".join(f"{who.id} (since {who.created_at:%Y-%m-%d})" for who in named[:10])
    raise BadInputError(
        f"Expected a nickname that one trainee has. {len(named)} are called {word[:60]!r}: "
        f"{numbers}. Give the number."
    )


def _find_session(store: "Store", code: str) -> "Session":
    from octtutor.tutor.sessions.session_code import tidy

    session = store.find_session(tidy(code))
    if session is None:
        raise BadInputError(
            f"Expected the code of a session. There is none {code[:16]!r} in the records. Codes "
            "are in the educators' tab Sessions."
        )
    return session


def _of_trainee(
    store: "Store",
    records: "Records",
    trainee: "Trainee",
    wanted: Sequence[str],
    now: "Clock",
    trained_on: "TrainedOn",
) -> Files:
    from octtutor.core.counting import those_that_count
    from octtutor.core.disclosure import Audience
    from octtutor.reports.citing import cited_html
    from octtutor.reports.trainee_report import trainee_report_html
    from octtutor.tutor.disclosing import Disclosures
    from octtutor.tutor.progress.imrmc import For, answers_csv, imrmc

    kinds = sorted(records.kinds(trainee.id))
    readings = {kind: records.readings(trainee.id, kind) for kind in kinds}
    name = trainee.nickname or trainee.id[:8]
    stem, files = f"trainee-{trainee.id[:8]}", Files()
    if "html" in wanted:
        known = {kind: records.training(trainee.id, kind, trained_on) for kind in kinds}
        parts = [records.of(trainee.id, kind) for kind in kinds]
        cited = cited_html(deck for kind in kinds for deck in records.decks(trainee.id, kind))
        html = trainee_report_html(parts, trainee, now(), known, cited)
        files[f"{stem}.html"] = html.encode()
    if "csv" in wanted:
        items = Disclosures(store).answers_by(trainee.id, Audience.EDUCATOR)
        names = {trainee.id: trainee.nickname}
        attempts = store.attempts_of(trainee.id)
        counted = records.counted(trainee.id)
        csv = answers_csv(attempts, items, names, records.keys_of(attempts), counted)
        files[f"{stem}.csv"] = csv.encode()
    for kind, own in readings.items():
        word = "synthetic" if kind else "real"
        title, scheme = f"{name} {word} scans", records.scheme_of(own)
        rated = {name: those_that_count(own)}
        if "imrmc" in wanted:
            files[f"{stem}-{word}.imrmc"] = imrmc(rated, scheme, title).encode()
        if "imrmc-r" in wanted:
            files[f"{stem}-{word}-r.imrmc"] = imrmc(rated, scheme, title, For.R).encode()
    return files


def _write(out: Path, files: Files) -> list[Path]:
    """Write each file whole or not at all; `out` is the file itself where there is but one."""
    from octtutor.datasets.images import write_atomically

    if not files:
        note("Nothing was read yet: there is nothing to write.")
    is_file = len(files) == 1 and out.suffix and not out.is_dir()
    if out.is_file() and not is_file:
        raise BadInputError(
            f"Expected a folder for {len(files)} files. {str(out)!r} is a file. Choose a folder, "
            "or one --format."
        )
    written = []
    for name, content in files.items():
        path = out if is_file else out / name
        write_atomically(path, content)
        written.append(path)
    return written
