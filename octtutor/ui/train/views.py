"""The tab Train as HTML: the audit, a run, a comparison. Values in, text out."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from octtutor.jobs.queue import Job
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, STOP, WAITING
from octtutor.model.measure.kept_comparison import (
    ComparedAnswer,
    ComparedModel,
    DifferingScan,
    KeptComparison,
    ModelDifference,
)
from octtutor.reports.markup import filled, hover, joined, library, paragraph
from octtutor.tutor.decks.training_lists import Chosen
from octtutor.ui.shared.run_views import box, progress_view
from octtutor.ui.shared.wording import _span, duration, share
from octtutor.ui.train.curves import curves
from octtutor.ui.train.texts import TRAIN

_HTML = library(__file__, "views.html.j2")
_NAMED = 5
"""Examples that the audit names of each finding."""
_WIDE = 1200
"""Pixels of a picture of a differing scan: three scans side by side."""


def audit_view(chosen: Chosen) -> Markup:
    """Return what was found in the scans, the verdict first."""
    per_class = chosen.report["per_class"]
    names = [TRAIN[key] for key in ("audit_class", "audit_scans", "audit_patients")]
    classes = [
        (label, counted["files"], counted["patients"]) for label, counted in per_class.items()
    ]
    return Markup(_HTML.audit(list(_verdict(chosen)), names, classes, _findings(chosen)))


def lines_view(lines: Iterable[tuple[str, str]]) -> Markup:
    """Return lines, each with its kind: `bad`, or empty."""
    return Markup(_HTML.lines(list(lines)))


def _verdict(chosen: Chosen) -> Iterable[dict[str, str]]:
    report, shared = chosen.report, chosen.report["shared"]
    for fault in chosen.faults:
        yield {"kind": "bad", "head": TRAIN["not_fine"], "text": fault}
    if chosen.val and (shared["patients"] or shared["files"]):
        text = TRAIN["overlap"].format(patients=len(shared["patients"]), files=len(shared["files"]))
        yield {"kind": "bad", "head": "", "text": text}
    if not chosen.faults and not chosen.shared:
        text = TRAIN["fine"].format(scans=report["files"], patients=report["patients"])
        yield {"kind": "good", "head": "", "text": text}
    if chosen.val and shared["near"]:
        text = TRAIN["near_shared"].format(n=len(shared["near"]))
        yield {"kind": "bad", "head": "", "text": text}
    if not chosen.val:
        yield {"kind": "", "head": "", "text": TRAIN["held"]}


def _findings(chosen: Chosen) -> list[tuple[str, int, str]]:
    report, shared = chosen.report, chosen.report["shared"]
    found: dict[str, Sequence[Any]] = {
        "exact": report["duplicates"]["exact"],
        "near": report["duplicates"]["near"],
        "several": report["patients_with_several_labels"],
        "unreadable": report["unreadable"],
        "conflicts": report["conflicts"],
    }
    if chosen.val:
        found |= {"shared_patients": shared["patients"], "shared_files": shared["files"]}
    return [(TRAIN[key], len(items), _examples(items)) for key, items in found.items()]


def _examples(items: Sequence[Any]) -> str:
    named = "; ".join(map(_one_name, items[:_NAMED]))
    return f"{named}; …" if len(items) > _NAMED else named


def _one_name(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("name") or ", ".join(item.get("names", [])))
    return str(item) if isinstance(item, str) else ", ".join(map(str, item[:3]))


def run_view(job: Job | None, before: Sequence[Job], current: Job | None) -> Markup:
    """Return how far a run is: phase, pace, time left, curves, gauges.

    Args:
        job: the run; None: there is none.
        before: the runs that come before it, where it waits.
        current: the run that is at work.
    """
    if job is None:
        return box(paragraph(TRAIN["no_jobs"]))
    state = job.state
    order = job.order
    parts = [_HTML.title(order.title, order.recipe, order.by, state_word(job))]
    parts.append(_line_of(job, before, current))
    if state.message:
        kind = "bad" if state.status in (FAILED, CUT_OFF) else "said"
        parts.append(paragraph(state.message, kind))
    parts += [_done(job), _progress(job), curves(state.history, state.epochs, _running(job))]
    parts.append(_gauges(job))
    return box(joined(parts))


def state_word(job: Job) -> str:
    """Return a run's state in a word."""
    return TRAIN["done_state" if job.state.status == DONE else job.state.status]


def _line_of(job: Job, before: Sequence[Job], current: Job | None) -> Markup:
    if job.state.status == WAITING:
        titles = ", ".join(other.order.title for other in before)
        queued = TRAIN["queue"].format(n=len(before), titles=titles)
        return paragraph(queued if before else TRAIN["waiting_alone"], "said")
    if current is not None and current.id != job.id:
        return paragraph(TRAIN["also_running"].format(title=current.order.title), "said")
    return Markup()


def _done(job: Job) -> Markup:
    figures = job.state.outcome
    if job.state.status != DONE or not figures:
        return Markup()
    text = TRAIN["done"].format(
        accuracy=share(figures["accuracy"], figures["accuracy_ci"]),
        error=share(figures["weighted_error"], figures["weighted_error_ci"]),
        n=figures["n"],
        patients=figures["patients"],
    )
    return paragraph(text, "good")


def _progress(job: Job) -> Markup:
    state = job.state
    if state.status != RUNNING:
        return Markup()
    words = [state.phase]
    if state.steps:
        epoch = min(state.epoch + 1, state.epochs)
        words.append(TRAIN["epoch_of"].format(epoch=epoch, epochs=state.epochs))
        words.append(TRAIN["step_of"].format(step=state.step, steps=state.steps))
    if state.scans_per_second:
        words.append(TRAIN["pace"].format(pace=state.scans_per_second))
    if state.seconds_left is not None:
        words.append(TRAIN["left"].format(time=duration(state.seconds_left)))
    if (job.folder / STOP).exists():
        words.append(TRAIN["stopping"])
    return progress_view(words, state.step, state.steps)


def _running(job: Job) -> dict[str, float] | None:
    """Return the loss and accuracy of the epoch under way, placed between the epochs."""
    state = job.state
    if state.status != RUNNING or state.loss is None or not (state.steps and state.epochs):
        return None
    epoch = state.step * state.epochs / state.steps
    accuracy = {"accuracy": state.accuracy} if state.accuracy is not None else {}
    return {"epoch": epoch, "loss": state.loss, **accuracy} if epoch > state.epoch else None


def _gauges(job: Job) -> Markup:
    if job.state.status != RUNNING:
        return Markup()
    lines = [
        (TRAIN[key], f"{100 * value:.0f}")
        for key, value in job.state.gauges.items()
        if key in TRAIN
    ]
    return Markup(_HTML.gauges(lines))


def log_view(text: str) -> Markup:
    """Return the log's tail."""
    return Markup(_HTML.log(TRAIN["log"], text)) if text else Markup()


def history_view(jobs: Sequence[Job]) -> Markup:
    """Return all runs as a table, the newest first."""
    if not jobs:
        return Markup()
    keys = ("history_name", "history_when", "history_by", "history_state", "history_accuracy")
    lines = [
        (job.order.title, begun(job), job.order.by, state_word(job), _accuracy_of(job))
        for job in jobs
    ]
    return Markup(_HTML.history(TRAIN["history"], [TRAIN[key] for key in keys], lines))


def begun(job: Job) -> str:
    """Return when a run was started last, UTC, to the minute."""
    return job.state.queued_at[:16].replace("T", " ")


def _accuracy_of(job: Job) -> str:
    figures = job.state.outcome
    return share(figures["accuracy"], figures["accuracy_ci"]) if figures else "–"


def comparison_view(kept: KeptComparison, pictures: Sequence[Path]) -> Markup:
    """Return a comparison, the verdict in words first.

    Args:
        kept: the comparison.
        pictures: of the first of `kept.differing`, in that order.
    """
    sides = kept.first, kept.second
    first, second = map(_flagged, sides)
    names = [
        TRAIN["figure"],
        filled(TRAIN["now"], name=first),
        filled(TRAIN["new"], name=second),
        TRAIN["difference"],
        "p",
    ]
    mcnemar = TRAIN["mcnemar_words"].format(
        first=kept.first.model, second=kept.second.model, **asdict(kept.mcnemar)
    )
    return Markup(
        _HTML.comparison(
            TRAIN,
            {"better": "good", "worse": "bad"}.get(kept.verdict, "said"),
            kept.verdict_words,
            names,
            [
                (
                    TRAIN["accuracy"],
                    *(share(side.accuracy, side.accuracy_ci) for side in sides),
                    *_gap(kept.accuracy_difference),
                ),
                (
                    TRAIN["weighted_error"],
                    *(share(side.weighted_error, side.weighted_error_ci) for side in sides),
                    *_gap(kept.weighted_error_difference),
                ),
            ],
            f"n = {kept.n} scans of {kept.patients} patients.",
            mcnemar,
            [_confusion(side, kept.labels) for side in sides],
            _differing(kept.differing, pictures),
        )
    )


def _gap(gap: ModelDifference) -> tuple[str, str]:
    shown = f"{100 * gap.value:+.1f}{_span(gap.ci, signed=True)}"
    return hover(shown, gap.method), f"{gap.p:.3g}"


def _flagged(side: ComparedModel) -> Markup:
    return Markup(_HTML.model(side.model, TRAIN["leaky_flag"] if side.leaky else ""))


def _confusion(side: ComparedModel, labels: Sequence[str]) -> dict[str, object]:
    lines = [
        (label, [(_kind(index, column, n), n) for column, n in enumerate(side.confusion[index])])
        for index, label in enumerate(labels)
    ]
    caption = TRAIN["confusion"].format(name=side.model)
    return {"caption": caption, "labels": labels, "lines": lines}


def _kind(row: int, column: int, n: int) -> str:
    if not n:
        return ""
    return "hit" if row == column else "miss"


def _differing(scans: Sequence[DifferingScan], pictures: Sequence[Path]) -> Markup:
    if not scans:
        return paragraph(TRAIN["differing_none"])
    shown = [
        (_said(scan), scan.source, _small(path))
        for scan, path in zip(scans, pictures, strict=False)
    ]
    hint = f" {TRAIN['differing_more'].format(n=len(shown))}" if len(shown) < len(scans) else ""
    title = TRAIN["differing"].format(n=len(scans))
    return Markup(
        _HTML.differing(title, f"{TRAIN['differing_hint']}{hint}", TRAIN["picture"], shown)
    )


def _said(scan: DifferingScan) -> str:
    return TRAIN["said"].format(
        truth=scan.truth, first=_answer(scan.first), second=_answer(scan.second)
    )


def _answer(side: ComparedAnswer) -> str:
    return f"{side.label} {side.probabilities[side.label]:.2f}"


def _small(path: Path) -> str:
    """Return a picture as a data address, no wider than `_WIDE` pixels."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((_WIDE, _WIDE))
        picture.convert("RGB").save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
