"""A session's report: its board, its cases, and aided against unaided reading, on paper."""

from collections.abc import Iterable
from datetime import datetime

from markupsafe import Markup

from octtutor.core.answer import choice_word
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.core.scheme import Scheme
from octtutor.reports.markup import joined, library, paragraph, swatch
from octtutor.reports.progress_tables import Row, confusion_table, figure_table, left_out_words
from octtutor.reports.progress_texts import PROGRESS, REPORT
from octtutor.reports.report import (
    Part,
    errors_table,
    report_page,
    second_look_part,
    sections,
    synthetic_note,
    training_words,
)
from octtutor.stats.mrmc import Comparison
from octtutor.tutor.progress.progress import InTraining, weighted_error
from octtutor.tutor.progress.second_looks import second_looks
from octtutor.tutor.sessions.against_model import AgainstModel
from octtutor.tutor.sessions.aided_study import AidedStudy, aided_study, session_readings
from octtutor.tutor.sessions.board import Board
from octtutor.tutor.sessions.board_lines import BoardReader, CaseLine
from octtutor.tutor.sessions.gathering import Gathered

_HTML = library(__file__, "report.html.j2")


def session_report_html(
    gathered: Gathered,
    board: Board,
    now: datetime,
    synthetic: bool,
    training: InTraining | None = None,
    in_learn: int = 0,
    cited: Markup | None = None,
) -> str:
    """Return a session's report.

    Args:
        gathered: what the records hold of it, as far as it may be told.
        board: its figures.
        now: when the report is made, UTC.
        synthetic: whether the deck's scans are computer-made.
        training: on how many answers the model knew the patient; None where not looked up.
        in_learn: how many of its scans are examples in Learn; said of an exam.
        cited: whose the scans are, as markup; None where no deck says it.
    """
    content = [
        _session_facts(gathered),
        cited or Markup(),
        _held_back(board),
        _in_learn(gathered, in_learn),
        synthetic_note(synthetic),
        training_words(training),
        sections(_session_parts(gathered, board), "h2"),
    ]
    return report_page(REPORT["session_title"].format(title=gathered.session.title), now, content)


def _session_facts(gathered: Gathered) -> Markup:
    session = gathered.session
    facts = REPORT["facts"].format(
        quiz=session.quiz,
        version=session.quiz_version[:12],
        deck=session.deck,
        cases=len(session.cases),
        readers=len(gathered.attempts),
        opened=session.opened_at,
        educator=session.educator if session.educator != AT_THE_MACHINE else REPORT["host"],
    )
    model = ""
    if session.model and session.model_sha256:
        model = REPORT["model_named"].format(name=session.model, sha256=session.model_sha256[:12])
    return paragraph(f"{facts} {model}")


def _held_back(board: Board) -> Markup:
    n = board.held_back
    return paragraph(REPORT["held_back"].format(n=n)) if n else Markup()


def _in_learn(gathered: Gathered, n: int) -> Markup:
    session = gathered.session
    if not n or not session.options.is_exam:
        return Markup()
    return paragraph(REPORT["in_learn"].format(n=n, cases=len(session.cases)))


def _session_parts(gathered: Gathered, board: Board) -> list[Part]:
    readings = session_readings(gathered)
    items = [item for own in readings.values() for item in own]
    patients = {case.sha256: case.patient for case in gathered.cases}
    error = weighted_error([item.answer for item in items], patients, gathered.scheme)
    note = paragraph(REPORT["confusion_note"], "note")
    late = paragraph(left_out_words(board.left_out)) if board.left_out else ""
    summary: list[Row] = [
        (PROGRESS["accuracy"], board.right, ""),
        (REPORT["agreement"], board.agreement, "plain"),
    ]
    return [
        (REPORT["summary"], figure_table(summary) + late),
        (REPORT["readers"], _reader_table(board)),
        (REPORT["confusion"], confusion_table(board.matrix, "", board.scheme) + note),
        (REPORT["hardest"], _case_table(board.hardest, board.scheme)),
        (REPORT["against"], _against(board.against_model)),
        (REPORT["error"], errors_table([(REPORT["class_error"], error)], board.scheme)),
        (REPORT["second"], second_look_part(second_looks(items))),
        (REPORT["mrmc"], _mrmc(aided_study(gathered))),
        (REPORT["cases"], _case_table(board.cases, board.scheme)),
        (REPORT["methods"], paragraph(REPORT["methods_text"])),
    ]  # fmt: skip


def _reader_table(board: Board) -> Markup:
    rows: list[Row] = [(_reader_name(reader), reader.right, "") for reader in board.readers]
    return figure_table(rows) if rows else paragraph(REPORT["none"])


def _reader_name(reader: BoardReader) -> str:
    late = f", {reader.timed_out} {REPORT['timed_out']}" if reader.timed_out else ""
    return f"{reader.name} ({reader.at} / {reader.asked}{late})"


def _case_table(cases: Iterable[CaseLine], scheme: Scheme) -> Markup:
    heads = [REPORT["case"], REPORT["truth"], *scheme.keys, "U",
             REPORT["timed_out"], REPORT["not_counted"], REPORT["waiting"],
             PROGRESS["accuracy"], REPORT["interval"], REPORT["model"]]  # fmt: skip
    lines = [_case_cells(case, scheme) for case in cases]
    if not lines:
        return paragraph(REPORT["none"])
    return Markup(_HTML.cases(heads, lines, PROGRESS["classes_note"]))


def _case_cells(line: CaseLine, scheme: Scheme) -> tuple[str | int, ...]:
    right = line.right
    share = "–" if right.value is None else f"{100 * right.value:.0f} % of {right.n}"
    interval = "–"
    if right.low is not None and right.high is not None:
        interval = f"{100 * right.low:.0f} to {100 * right.high:.0f}"
    model = choice_word(line.model.label) if line.model else "–"
    label = line.case.label
    truth = swatch(label, scheme.get(label).colour) + label if line.is_disclosed else "–"
    counts = (*line.counts, line.timed_out, line.left_out, line.waiting)
    return (line.position + 1, truth, *counts, share, interval, model)


def _against(against: AgainstModel | None) -> Markup:
    if against is None:
        return Markup()
    rows = [
        (REPORT["readers_right"], against.readers, ""),
        (REPORT["model_right"], against.model, ""),
        (REPORT["difference"], against.difference, ""),
        (REPORT["majority"], against.majority, ""),
    ]
    race = REPORT["race"].format(ahead=against.ahead, level=against.level, behind=against.behind)
    test = ""
    if against.pairs:
        pairs = against.pairs
        test = REPORT["mcnemar"].format(
            both=pairs.both,
            first=pairs.only_first,
            second=pairs.only_second,
            neither=pairs.neither,
            p=pairs.p,
            method=pairs.method,
        )
    return figure_table(rows) + paragraph(f"{race} {test}")


def _mrmc(study: AidedStudy | None) -> Markup:
    if study is None:
        return Markup()
    parts = [paragraph(REPORT["mrmc_what"]), paragraph(_flow(study))]
    if study.every_case is not None:
        parts.append(paragraph(REPORT["mrmc_every"]))
        parts.append(_compared(study.every_case))
        parts.append(paragraph(REPORT["mrmc_complete"].format(n=study.rated_by_all)))
    elif study.rated_by_all < study.cases:
        parts.append(paragraph(REPORT["mrmc_refused"].format(n=study.rated_by_all)))
    return joined([*parts, _compared(study.complete)])


def _flow(study: AidedStudy) -> str:
    said = REPORT["mrmc_flow"].format(
        readers=study.readers,
        joined=study.joined,
        cases=study.cases,
        patients=study.patients,
        answers=study.answers,
    )
    dropped = study.joined - study.readers
    none = REPORT["mrmc_dropped"].format(n=dropped) if dropped else ""
    return " ".join(part for part in (said, none, left_out_words(study.left_out)) if part)


def _compared(found: Comparison) -> Markup:
    names = [REPORT["unaided"], REPORT["aided"]]
    rows: list[Row] = [(name, f, "plain") for name, f in zip(names, found.areas, strict=True)]
    rows.append((REPORT["aided_minus"], found.difference, "plain"))
    if found.f is None or found.error_df is None or found.p is None:
        said = REPORT["mrmc_few"].format(why=found.method.split(": ")[-1])
    else:
        said = REPORT["mrmc_test"].format(
            df=found.df, error_df=found.error_df, f=found.f, p=found.p
        )
    return figure_table(rows) + paragraph(said)
