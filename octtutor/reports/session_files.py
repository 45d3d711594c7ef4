"""What is handed out of a session: its report, its answers, and the table for iMRMC."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from octtutor.core.disclosure import Audience, learn_examples
from octtutor.reports.citing import cited_html
from octtutor.reports.session_report import session_report_html
from octtutor.store.contract import Store
from octtutor.tutor.progress.imrmc import For, answers_csv, imrmc
from octtutor.tutor.progress.progress import TrainedOn, in_training
from octtutor.tutor.sessions.aided_study import session_readings
from octtutor.tutor.sessions.board import board_of
from octtutor.tutor.sessions.gathering import Gathered, disclosed_answers


def session_files(
    store: Store, gathered: Gathered, wanted: Collection[str], now: datetime, trained_on: TrainedOn
) -> dict[str, str]:
    """Return the files of a session, text by name.

    While an exam is read they tell nothing but what was shown to all: files travel.

    Args:
        store: the records.
        gathered: all that they hold of the session.
        wanted: some of `html`, `csv`, `imrmc` and `imrmc-r` (for `doAUCmrmc`).
        now: when the report is made.
        trained_on: whether a model was trained on a scan's patient.
    """
    session, files = gathered.session, {}
    items = disclosed_answers(gathered, Audience.EDUCATOR)
    known = replace(gathered, answers=tuple(i.answered for i in items if i.disclosed.truth))
    stem = f"session-{session.code}"
    if "html" in wanted:
        deck = store.find_deck(session.deck)
        patients = {case.sha256: case.patient for case in gathered.cases}
        unknown = {case.sha256 for case in gathered.cases if case.has_unknown_patient}
        training = in_training(known.answers, patients, trained_on, unknown)
        synthetic = deck is not None and deck.synthetic
        board = board_of(gathered)
        examples = learn_examples(store.cases_of(session.deck), gathered.scheme.normal)
        in_learn = len(examples.intersection(session.cases))
        files[f"{stem}.html"] = session_report_html(
            known,
            board,
            now,
            synthetic,
            training,
            in_learn,
            cited_html([deck]),
        )
    if "csv" in wanted:
        names = {trainee.id: trainee.nickname for trainee in gathered.trainees}
        files[f"{stem}.csv"] = answers_csv(
            gathered.attempts, items, names, gathered.scheme.keys, gathered.counted
        )
    rated = session_readings(known)
    if "imrmc" in wanted:
        files[f"{stem}.imrmc"] = imrmc(rated, gathered.scheme, session.title)
    if "imrmc-r" in wanted:
        files[f"{stem}-r.imrmc"] = imrmc(rated, gathered.scheme, session.title, For.R)
    return files
