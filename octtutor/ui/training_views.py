"""The tab Train as HTML: the audit, a run, a comparison. Values in, text out."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from octtutor.core.diagnosis import LABELS
from octtutor.jobs.queue import Job
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, RUNNING, STOP, WAITING
from octtutor.tutor.training import Chosen
from octtutor.ui.curves import curves
from octtutor.ui.texts import TRAIN

_NAMED = 5
"""Examples that the audit names of each finding."""
_WIDE = 1200
"""Pixels of a picture of a differing scan: three scans side by side."""


def audit_view(chosen: Chosen) -> str:
    """Return what was found in the scans, the verdict first."""
    report = chosen.report
    parts = [*_verdict(chosen), _classes(report), _findings(chosen)]
    return f"<div class='train' role='status'>{''.join(parts)}</div>"


def _verdict(chosen: Chosen) -> Iterable[str]:
    report, shared = chosen.report, chosen.report["shared"]
    for fault in chosen.faults:
        yield f"<p class='bad'><b>{TRAIN['not_fine']}</b> {escape(fault)}</p>"
    if chosen.val and (shared["patients"] or shared["files"]):
        told = TRAIN["overlap"].format(patients=len(shared["patients"]), files=len(shared["files"]))
        yield f"<p class='bad'>{told}</p>"
    if not chosen.faults and not chosen.shared:
        told = TRAIN["fine"].format(scans=report["files"], patients=report["patients"])
        yield f"<p class='good'>{told}</p>"
    if chosen.val and shared["near"]:
        yield f"<p class='bad'>{TRAIN['near_shared'].format(n=len(shared['near']))}</p>"
    if not chosen.val:
        yield f"<p>{TRAIN['held']}</p>"


def _classes(report: dict[str, Any]) -> str:
    head = "".join(
        f"<th scope='col'>{TRAIN[key]}</th>"
        for key in ("audit_class", "audit_scans", "audit_patients")
    )
    rows = "".join(
        f"<tr><th scope='row'><i class='swatch {label.lower()}'></i>{label}</th>"
        f"<td>{report['per_class'][label]['files']:,}</td>"
        f"<td>{report['per_class'][label]['patients']:,}</td></tr>"
        for label in map(str, LABELS)
    )
    return _table(head, rows)


def _table(head: str, rows: str) -> str:
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f"<div class='scroll'><table>{body}</table></div>"


def _findings(chosen: Chosen) -> str:
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
    rows = "".join(
        f"<tr><th scope='row'>{TRAIN[key]}</th><td>{len(items)}</td>"
        f"<td class='names'>{escape(_examples(items))}</td></tr>"
        for key, items in found.items()
    )
    return f"<div class='scroll'><table><tbody>{rows}</tbody></table></div>"


def _examples(items: Sequence[Any]) -> str:
    named = "; ".join(map(_one_name, items[:_NAMED]))
    return f"{named}; …" if len(items) > _NAMED else named


def _one_name(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("name") or ", ".join(item.get("names", [])))
    return str(item) if isinstance(item, str) else ", ".join(map(str, item[:3]))


def run_view(job: Job | None, before: Sequence[Job], current: Job | None) -> str:
    """Return how far a run is: phase, pace, time left, curves, gauges.

    Args:
        job: the run; None: there is none.
        before: the runs that come before it, where it waits.
        current: the run that is at work.
    """
    if job is None:
        return f"<div class='train'><p>{TRAIN['no_jobs']}</p></div>"
    state = job.state
    parts = [_title(job), _line_of(job, before, current)]
    if state.message:
        kind = "bad" if state.status in (FAILED, CUT_OFF) else "said"
        parts.append(f"<p class='{kind}'>{escape(state.message)}</p>")
    parts += [_done(job), _progress(job), curves(state.history, state.epochs, _running(job))]
    parts.append(_gauges(job))
    return f"<div class='train'>{''.join(parts)}</div>"


def state_word(job: Job) -> str:
    """Return a run's state in a word."""
    return TRAIN["done_state" if job.state.status == DONE else job.state.status]


def _title(job: Job) -> str:
    by = f" · {escape(job.order.by)}" if job.order.by else ""
    return (
        f"<h3>{escape(job.order.title)} <small>{escape(job.order.recipe)}{by}</small> "
        f"<span class='state'>{state_word(job)}</span></h3>"
    )


def _line_of(job: Job, before: Sequence[Job], current: Job | None) -> str:
    if job.state.status == WAITING:
        titles = ", ".join(escape(other.order.title) for other in before)
        told = TRAIN["queue"].format(n=len(before), titles=titles)
        return f"<p class='said'>{told if before else TRAIN['waiting_alone']}</p>"
    if current is not None and current.id != job.id:
        title = escape(current.order.title)
        return f"<p class='said'>{TRAIN['also_running'].format(title=title)}</p>"
    return ""


def _done(job: Job) -> str:
    figures = job.state.outcome
    if job.state.status != DONE or not figures:
        return ""
    told = TRAIN["done"].format(
        accuracy=share(figures["accuracy"], figures["accuracy_ci"]),
        error=share(figures["weighted_error"], figures["weighted_error_ci"]),
        n=figures["n"],
        patients=figures["patients"],
    )
    return f"<p class='good'>{told}</p>"


def _progress(job: Job) -> str:
    state = job.state
    if state.status != RUNNING:
        return ""
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
    bar = f"<progress max='{max(state.steps, 1)}' value='{state.step}'></progress>"
    return f"<p class='phase'>{escape(' · '.join(words))}</p>{bar}"


def _running(job: Job) -> dict[str, float] | None:
    """Return the loss and accuracy of the epoch under way, placed between the epochs."""
    state = job.state
    if state.status != RUNNING or state.loss is None or not (state.steps and state.epochs):
        return None
    epoch = state.step * state.epochs / state.steps
    accuracy = {"accuracy": state.accuracy} if state.accuracy is not None else {}
    return {"epoch": epoch, "loss": state.loss, **accuracy} if epoch > state.epoch else None


def _gauges(job: Job) -> str:
    if job.state.status != RUNNING:
        return ""
    rows = "".join(
        f"<span>{TRAIN[key]} <span class='gauge'><i style='width:{100 * value:.0f}%'></i></span>"
        f"{100 * value:.0f} %</span>"
        for key, value in job.state.gauges.items()
        if key in TRAIN
    )
    return f"<div class='gauges'>{rows}</div>"


def log_view(text: str) -> str:
    """Return the log's tail."""
    if not text:
        return ""
    return (
        f"<div class='train'><h4>{TRAIN['log']}</h4>"
        f"<pre tabindex='0' aria-label='{TRAIN['log']}'>{escape(text)}</pre></div>"
    )


def history_view(jobs: Sequence[Job]) -> str:
    """Return all runs as a table, the newest first."""
    if not jobs:
        return ""
    keys = ("history_name", "history_when", "history_by", "history_state", "history_accuracy")
    head = "".join(f"<th scope='col'>{TRAIN[key]}</th>" for key in keys)
    rows = "".join(
        f"<tr><th scope='row'>{escape(job.order.title)}</th><td>{begun(job)}</td>"
        f"<td>{escape(job.order.by)}</td><td>{state_word(job)}</td>"
        f"<td>{_accuracy_of(job)}</td></tr>"
        for job in jobs
    )
    return f"<div class='train'><h4>{TRAIN['history']}</h4>{_table(head, rows)}</div>"


def begun(job: Job) -> str:
    """Return when a run was started last, UTC, to the minute."""
    return escape(job.state.queued_at[:16].replace("T", " "))


def _accuracy_of(job: Job) -> str:
    figures = job.state.outcome
    return share(figures["accuracy"], figures["accuracy_ci"]) if figures else "–"


def comparison_view(told: dict[str, Any], pictures: Sequence[Path]) -> str:
    """Return a comparison, the verdict in words first.

    Args:
        told: what `compare` gave.
        pictures: of the first of `told["differing"]`, in that order.
    """
    kind = {"better": "good", "worse": "bad"}.get(told["verdict"], "said")
    parts = [
        f"<p class='verdict-words {kind}'>{escape(told['verdict_words'])}</p>",
        _side_by_side(told),
        _mcnemar(told),
        "<div class='pair'>",
        *(_confusion(told[side]) for side in ("first", "second")),
        f"</div><p class='note'>{TRAIN['confusion_hint']}</p>",
        _differing(told, pictures),
    ]
    return f"<div class='train'>{''.join(parts)}</div>"


def _side_by_side(told: dict[str, Any]) -> str:
    names = [_flagged(told[side]) for side in ("first", "second")]
    head = (
        f"<th scope='col'>{TRAIN['figure']}</th>"
        f"<th scope='col'>{TRAIN['now'].format(name=names[0])}</th>"
        f"<th scope='col'>{TRAIN['new'].format(name=names[1])}</th>"
        f"<th scope='col'>{TRAIN['difference']}</th><th scope='col'>p</th>"
    )
    rows = "".join(_figure_row(told, key) for key in ("accuracy", "weighted_error"))
    return (
        f"{_table(head, rows)}<p class='note'>{TRAIN['interval']}, n = {told['n']} scans of "
        f"{told['patients']} patients.</p>"
    )


def _figure_row(told: dict[str, Any], key: str) -> str:
    cells = "".join(
        f"<td>{share(told[side][key], told[side][f'{key}_ci'])}</td>"
        for side in ("first", "second")
    )
    gap = told[f"{key}_difference"]
    shown = f"{100 * gap['value']:+.1f}{_span(gap['ci'], signed=True)}"
    return (
        f"<tr><th scope='row'>{TRAIN[key]}</th>{cells}"
        f"<td><abbr title='{escape(gap['method'])}'>{shown}</abbr></td><td>{gap['p']:.3g}</td></tr>"
    )


def _flagged(side: dict[str, Any]) -> str:
    flag = f" <em class='leaky'>{TRAIN['leaky_flag']}</em>" if side["leaky"] else ""
    return escape(side["model"]) + flag


def _mcnemar(told: dict[str, Any]) -> str:
    words = TRAIN["mcnemar_words"].format(
        first=told["first"]["model"], second=told["second"]["model"], **told["mcnemar"]
    )
    return f"<p><b>{TRAIN['mcnemar']}.</b> {escape(words)}</p>"


def _confusion(side: dict[str, Any]) -> str:
    head = "".join(f"<th scope='col'>{label}</th>" for label in LABELS)
    rows = ""
    for index, label in enumerate(LABELS):
        cells = "".join(
            f"<td class='{_kind(index, column, n)}'>{n}</td>"
            for column, n in enumerate(side["confusion"][index])
        )
        swatch = f"<i class='swatch {label.lower()}'></i>"
        rows += f"<tr><th scope='row'>{swatch}{label}</th>{cells}</tr>"
    caption = TRAIN["confusion"].format(name=escape(side["model"]))
    return (
        f"<div class='scroll'><table class='confusion'><caption>{caption}</caption>"
        f"<tr><td></td>{head}</tr>{rows}</table></div>"
    )


def _kind(row: int, column: int, n: int) -> str:
    if not n:
        return ""
    return "hit" if row == column else "miss"


def _differing(told: dict[str, Any], pictures: Sequence[Path]) -> str:
    scans = told["differing"]
    if not scans:
        return f"<p>{TRAIN['differing_none']}</p>"
    title = f"<h4>{TRAIN['differing'].format(n=len(scans))}</h4>"
    shown = list(zip(scans, pictures, strict=False))
    hint = f" {TRAIN['differing_more'].format(n=len(shown))}" if len(shown) < len(scans) else ""
    figures = "".join(_picture(scan, path) for scan, path in shown)
    note = f"<p class='note'>{TRAIN['differing_hint']}{hint}</p>"
    return f"{title}{note}<div class='differing'>{figures}</div>"


def _picture(scan: dict[str, Any], path: Path) -> str:
    said = TRAIN["said"].format(
        truth=scan["truth"], first=_answer(scan["first"]), second=_answer(scan["second"])
    )
    return (
        f"<figure><img loading='lazy' alt='{TRAIN['picture']}' src='{_small(path)}'>"
        f"<figcaption>{escape(said)}<br><small>{escape(scan['source'])}</small></figcaption>"
        "</figure>"
    )


def _answer(side: dict[str, Any]) -> str:
    return f"{side['label']} {side['probabilities'][side['label']]:.2f}"


def _small(path: Path) -> str:
    """Return a picture as a data address, no wider than `_WIDE` pixels."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((_WIDE, _WIDE))
        picture.convert("RGB").save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def share(value: float | None, ci: Sequence[float | None] | None = None) -> str:
    """Return a share in percent, with its interval."""
    return "–" if value is None else f"{100 * value:.1f} %{_span(ci)}"


def _span(ci: Sequence[float | None] | None, signed: bool = False) -> str:
    if ci is None or ci[0] is None or ci[1] is None:
        return ""
    form = "+.1f" if signed else ".1f"
    return f" ({100 * ci[0]:{form}} to {100 * ci[1]:{form}})"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
