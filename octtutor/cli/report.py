"""`octtutor report`: a trainee's progress, or a session, as HTML, CSV and iMRMC."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octtutor.cli.output import Json, note, print_json
from octtutor.errors import BadInputError

if TYPE_CHECKING:
    from octtutor.core.answer import Answered
    from octtutor.core.quiz import Trainee
    from octtutor.store.contract import Store
    from octtutor.tutor.board import Gathered
    from octtutor.tutor.ports import Clock
    from octtutor.tutor.progress import TrainedOn

FORMATS = ("html", "csv", "imrmc")
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
        str, typer.Option("--format", help="Some of html, csv and imrmc, with commas.")
    ] = ",".join(FORMATS),
    as_json: Json = False,
) -> None:
    """Write what a trainee, or a session, has read: HTML, CSV and iMRMC."""
    from octtutor.wiring import now, open_store, read_settings

    wanted = _parse_formats(formats)
    if (trainee is None) == (session is None):
        raise BadInputError(
            "Expected --trainee or --session, one of them. Received "
            f"{'neither' if trainee is None else 'both'}. Give one."
        )
    settings = read_settings()
    store = open_store(settings)
    try:
        trained_on = _trained_on(settings.model_folders)
        if trainee is not None:
            files = _of_trainee(store, _find_trainee(store, trainee), wanted, now, trained_on)
        else:
            files = _of_session(store, str(session), wanted, now, trained_on)
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


def _of_trainee(
    store: "Store",
    trainee: "Trainee",
    wanted: Sequence[str],
    now: "Clock",
    trained_on: "TrainedOn",
) -> Files:
    from octtutor.tutor.imrmc import answers_csv, imrmc
    from octtutor.tutor.progress import Records, in_training
    from octtutor.ui.report import trainee_report_html

    records = Records(store, now)
    kinds = sorted(records.kinds(trainee.id))
    readings = {kind: records.readings(trainee.id, kind) for kind in kinds}
    name = trainee.nickname or trainee.id[:8]
    stem, files = f"trainee-{trainee.id[:8]}", Files()
    if "html" in wanted:
        known = {k: in_training(r, records.patients(r), trained_on) for k, r in readings.items()}
        parts = [records.of(trainee.id, kind) for kind in kinds]
        html = trainee_report_html(parts, trainee, now(), known)
        files[f"{stem}.html"] = html.encode()
    if "csv" in wanted:
        answers, names = store.answers_by(trainee.id), {trainee.id: trainee.nickname}
        csv = answers_csv(store.attempts_of(trainee.id), answers, names)
        files[f"{stem}.csv"] = csv.encode()
    if "imrmc" in wanted:
        for kind, own in readings.items():
            word = "synthetic" if kind else "real"
            files[f"{stem}-{word}.imrmc"] = imrmc({name: own}, f"{name} {word} scans").encode()
    return files


def _of_session(
    store: "Store", code: str, wanted: Sequence[str], now: "Clock", trained_on: "TrainedOn"
) -> Files:
    from octtutor.tutor.board import board_of
    from octtutor.tutor.imrmc import answers_csv, imrmc
    from octtutor.tutor.progress import in_training
    from octtutor.ui.report import session_readings, session_report_html

    gathered = _gather(store, code)
    session, stem, files = gathered.session, f"session-{gathered.session.code}", Files()
    if "html" in wanted:
        deck = store.find_deck(session.deck)
        patients = {case.sha256: case.patient for case in gathered.cases}
        training = in_training(gathered.answers, patients, trained_on)
        synthetic = deck is not None and deck.synthetic
        page = session_report_html(gathered, board_of(gathered), now(), synthetic, training)
        files[f"{stem}.html"] = page.encode()
    if "csv" in wanted:
        names = {trainee.id: trainee.nickname for trainee in gathered.trainees}
        files[f"{stem}.csv"] = answers_csv(gathered.attempts, gathered.answers, names).encode()
    if "imrmc" in wanted:
        readings: Mapping[str, tuple[Answered, ...]] = session_readings(gathered)
        files[f"{stem}.imrmc"] = imrmc(readings, session.title).encode()
    return files


def _gather(store: "Store", code: str) -> "Gathered":
    from octtutor.tutor.board import Gathered
    from octtutor.tutor.sessions import tidy

    session = store.find_session(tidy(code))
    if session is None:
        raise BadInputError(
            f"Expected the code of a session. There is none {code[:16]!r} in the records. Codes "
            "are in the educators' tab Sessions."
        )
    attempts = store.attempts_in(session.code)
    trainees = (store.find_trainee(attempt.trainee_id) for attempt in attempts)
    return Gathered(
        session=session,
        attempts=attempts,
        trainees=tuple(trainee for trainee in trainees if trainee),
        answers=store.answers_in(session.code),
        discussions=store.discussions_of(session.code),
        cases=tuple(store.get_case(session.deck, sha256) for sha256 in session.cases),
    )


def _trained_on(folders: Sequence[Path]) -> "TrainedOn":
    """Ask the lists in the models' folders, found by the SHA-256 of the weights."""
    from octtutor.model.known import Known, read_known
    from octtutor.model.registry import list_models

    nothing = Known(frozenset(), frozenset())
    by_weights = {
        entry.card.weights_sha256: entry.folder
        for place in reversed(folders)
        for entry in list_models((place,))
        if entry.card
    }

    @cache
    def known(weights: str) -> Known:
        return read_known(by_weights[weights]) if weights in by_weights else nothing

    def trained_on(weights: str, sha256: str, patient: str) -> bool | None:
        listed = known(weights)
        if not listed.files:
            return None
        return sha256 in listed.files or patient in listed.patients

    return trained_on


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
