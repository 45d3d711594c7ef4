"""What is handed out of a session: its report, its answers, and the table for iMRMC."""

from collections.abc import Collection
from datetime import datetime

from octtutor.store.contract import Store
from octtutor.tutor.board import Gathered, board_of
from octtutor.tutor.imrmc import answers_csv, imrmc
from octtutor.tutor.progress import TrainedOn, in_training
from octtutor.ui.report import session_readings, session_report_html


def session_files(
    store: Store, gathered: Gathered, wanted: Collection[str], now: datetime, trained_on: TrainedOn
) -> dict[str, str]:
    """Return the files of a session, text by name.

    Args:
        store: the records.
        gathered: all that they hold of the session.
        wanted: some of `html`, `csv` and `imrmc`.
        now: when the report is made.
        trained_on: whether a model was trained on a scan's patient.
    """
    session, files = gathered.session, {}
    stem = f"session-{session.code}"
    if "html" in wanted:
        deck = store.find_deck(session.deck)
        patients = {case.sha256: case.patient for case in gathered.cases}
        training = in_training(gathered.answers, patients, trained_on)
        synthetic = deck is not None and deck.synthetic
        board = board_of(gathered)
        files[f"{stem}.html"] = session_report_html(gathered, board, now, synthetic, training)
    if "csv" in wanted:
        names = {trainee.id: trainee.nickname for trainee in gathered.trainees}
        files[f"{stem}.csv"] = answers_csv(gathered.attempts, gathered.answers, names)
    if "imrmc" in wanted:
        files[f"{stem}.imrmc"] = imrmc(session_readings(gathered), session.title)
    return files
