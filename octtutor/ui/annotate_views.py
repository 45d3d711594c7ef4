"""Annotation as HTML and as the panel's values: projects, readings, figures, log, files."""

import base64
import secrets
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from octtutor.core.annotation import Entry, Mark, Project, Reading, Standing
from octtutor.core.diagnosis import LABELS
from octtutor.core.educator import AT_THE_MACHINE
from octtutor.datasets.decode import Pixels
from octtutor.stats.intervals import Figure
from octtutor.stats.learning import Point
from octtutor.tutor.annotating import Dispute, Overview, Suggestion, Task
from octtutor.tutor.annotators import WINDOW, Agreement, Annotator, Report
from octtutor.tutor.lessons import Published
from octtutor.tutor.ports import Doubted
from octtutor.tutor.shapes import to_outlines
from octtutor.ui.annotate_texts import ANNOTATE
from octtutor.ui.outline_texts import COLOURS, SHORT
from octtutor.ui.pictures import scan_uri

View = dict[str, Any]
MOST_BYTES = 48_000_000
"""Of a file that is put into a page."""
_NAMED = 20
_CURVE = 72, 20
"""Width and height of a curve in a table."""
_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl", "json": "application/json"}


def idle_view(project: str | None, message: str) -> View:
    """Return the panel's value where there is nothing to read."""
    return _once({"phase": "idle", "project": project, "message": message})


def ask_view(token: str, task: Task) -> View:
    """Return the panel's value of a scan to read; nothing that is known of it is there."""
    return _once(
        {
            "phase": "ask",
            "project": task.project,
            "task": token,
            "position": task.position,
            "remaining": task.remaining,
            "synthetic": task.synthetic,
            "notice": task.notice,
            "mine": _said(task.mine),
        }
    )


def look_view(project: str, token: str, mine: Reading, suggestion: Suggestion) -> View:
    """Return the panel's value after the own answer: the model's is beside it."""
    prediction = suggestion.prediction
    return _once(
        {
            "phase": "look",
            "project": project,
            "task": token,
            "mine": _said(mine),
            "yours": said_in_words(mine),
            "model": prediction.model,
            "model_sha256": prediction.model_sha256,
            "label": str(prediction.label),
            "chance": f"{max(prediction.probabilities):.2f}",
            "agrees": suggestion.agrees,
            "trained_on": suggestion.trained_on,
        }
    )


def again_view(token: Any) -> View:
    """Return the panel's value that lets somebody try again."""
    return _once({"phase": "again", "task": token})


def _once(view: View) -> View:
    return {**view, "nonce": secrets.token_hex(4)}  # the page takes no notice of an equal value


def _said(mine: Reading | None) -> View | None:
    if mine is None:
        return None
    return {
        "gradable": mine.gradable,
        "diagnosis": str(mine.diagnosis) if mine.diagnosis else None,
        "findings": list(mine.findings),
        "flagged": mine.flagged,
        "note": mine.note,
    }


def said_in_words(reading: Reading | None) -> str:
    """Return what a reading says of the scan, in a word or two; not escaped."""
    if reading is None:
        return ANNOTATE["nothing"]
    if not reading.gradable:
        return ANNOTATE["ungradable"]
    return str(reading.diagnosis) if reading.diagnosis else ANNOTATE["unanswered"]


def name_of(who: str) -> str:
    """Return an annotator's name as people write it; not escaped."""
    return "at this machine" if who == AT_THE_MACHINE else who


def projects_table(overviews: Sequence[Overview], chosen: str | None) -> str:
    """Draw the projects with their counts."""
    if not overviews:
        return f"<p>{ANNOTATE['no_projects']}</p>"
    return _table(ANNOTATE["table_head"], [_project_row(each, chosen) for each in overviews])


def _project_row(overview: Overview, chosen: str | None) -> str:
    project = overview.project
    numbers = (overview.scans, overview.read, overview.mine, overview.to_settle, overview.done)
    state = ANNOTATE["is_closed" if project.closed_at else "is_open"]
    cells = "".join(f"<td>{n:,}</td>" for n in numbers)
    current = " aria-current='true'" if project.name == chosen else ""
    return (
        f"<tr{current}><th scope='row'>{escape(project.title)}<small>{escape(project.name)}"
        f"</small></th><td>{escape(project.deck)}</td>{cells}<td>{state}</td></tr>"
    )


def told_line(text: str) -> str:
    """Draw a line that says what was done; the text is escaped here."""
    return f"<p class='done-line' role='status'>{escape(text)}</p>"


def doubts_view(doubted: Sequence[Doubted]) -> str:
    """Draw how many labels are in doubt, and behind a fold which."""
    wrong = sum(each.suspect for each in doubted)
    rows = [
        f"<tr><th scope='row'>{escape(each.name)}</th><td>{each.label}</td>"
        f"<td>{each.chance:.2f}</td><td>{each.likely}</td></tr>"
        for each in doubted[: max(wrong, _NAMED)]
    ]
    return (
        f"{told_line(ANNOTATE['doubted'].format(wrong=wrong, n=len(doubted)))}"
        f"<details><summary>{ANNOTATE['doubted_list']}</summary>"
        f"{_table(ANNOTATE['doubted_head'], rows)}</details>"
    )


# ---- what is in dispute --------------------------------------------------------------------


def differ_in_words(dispute: Dispute) -> str:
    """Return what readers differ in, the gravest first; empty where they agree."""
    parts = {
        "in_diagnosis": dispute.differ,
        "in_findings": dispute.differ_findings,
        "in_regions": dispute.differ_regions,
    }
    return ", ".join(ANNOTATE[key] for key, is_so in parts.items() if is_so)


def differ_view(dispute: Dispute) -> str:
    """Draw what readers differ in."""
    what = differ_in_words(dispute)
    if not what:
        return ""
    lines = [f"{ANNOTATE['differ'].format(what=what).capitalize()}."]
    for key in ("differ_findings", "differ_regions"):
        names = getattr(dispute, key)
        lines += [ANNOTATE[key].format(what=", ".join(names))] if names else []
    return f"<p class='note'>{escape(' '.join(lines))}</p>"


# ---- readings over the scan ----------------------------------------------------------------


def readings_view(scan: Pixels, readings: Mapping[str, Reading]) -> str:
    """Draw readings side by side, each with its regions over the scan.

    Args:
        scan: uint8 (height, width).
        readings: by who gave them.
    """
    uri = scan_uri(scan)
    height, width = scan.shape[:2]
    cards = "".join(
        _reading_card(uri, width, height, who, reading) for who, reading in readings.items()
    )
    return f"<div class='readings'>{cards}</div>"


def _reading_card(uri: str, width: int, height: int, who: str, reading: Reading) -> str:
    name = escape(name_of(who))
    drawn = "".join(_outline(mark, n) for n, mark in enumerate(reading.marks, start=1))
    alt = escape(ANNOTATE["drawn"].format(who=name_of(who)))
    return (
        f"<figure><div class='over'><img src='{uri}' alt='{alt}'>"
        f"<svg viewBox='0 0 {width} {height}' aria-hidden='true'>{drawn}</svg></div>"
        f"<figcaption><strong>{name}</strong> {_headline(reading)}{_details(reading)}"
        "</figcaption></figure>"
    )


def _outline(mark: Mark, number: int) -> str:
    path = " ".join(
        "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in outline) + " Z"
        for outline in to_outlines(mark.shape)
    )
    outlines = to_outlines(mark.shape)
    x, y = min(outlines[0], key=lambda point: point[1]) if outlines else (0.0, 0.0)
    colour = COLOURS[mark.finding]
    return (
        f"<path d='{path}' stroke='{colour}'/>"
        f"<text x='{x:.1f}' y='{max(12.0, y - 4):.1f}' fill='{colour}'>{number} "
        f"{escape(SHORT[mark.finding])}</text>"
    )


def _headline(reading: Reading) -> str:
    words = said_in_words(reading)
    more = [ANNOTATE["sure"].format(n=reading.confidence)] if reading.confidence else []
    if reading.response_ms:
        more.append(ANNOTATE["seconds"].format(n=reading.response_ms / 1000))
    flag = f" <em class='flag'>⚑ {ANNOTATE['flagged']}</em>" if reading.flagged else ""
    return f"<b class='{words.lower().split()[0]}'>{escape(words)}</b> {' · '.join(more)}{flag}"


def _details(reading: Reading) -> str:
    findings = f"<p>{escape(', '.join(reading.findings))}</p>" if reading.findings else ""
    items = "".join(
        f"<li style='--colour:{COLOURS[mark.finding]}'>{escape(mark.finding)}"
        f"{escape(': ' + mark.caption) if mark.caption else ''}</li>"
        for mark in reading.marks
    )
    regions = f"<ol>{items}</ol>" if items else ""
    note = f"<p class='note'>{escape(reading.note)}</p>" if reading.note else ""
    return f"{findings}{regions}{note}"


# ---- figures -------------------------------------------------------------------------------


def figures_view(report: Report) -> str:
    """Draw how far annotators agree, and how each fares on the hidden controls."""
    if not report.annotators:
        return f"<p>{ANNOTATE['no_readings']}</p>"
    return f"<div class='figures'>{_agreement(report.agreement)}{_people(report.annotators)}</div>"


def _agreement(found: Agreement) -> str:
    head = f"<h3>{ANNOTATE['agreement']}</h3><p class='note'>{ANNOTATE['agreement_hint']}</p>"
    if found.kappa.value is None and not found.pairs:
        return f"{head}<p>{ANNOTATE['agreement_none']}</p>"
    whole = f"<p>{ANNOTATE['fleiss']}: {number(found.kappa)}</p>"
    parts = "".join(
        _figures(ANNOTATE[title], figures)
        for title, figures in (
            ("per_class", found.per_class),
            ("per_finding", found.per_finding),
            ("dice", found.regions),
        )
        if figures
    )
    rows = [
        f"<tr><th scope='row'>{escape(name_of(pair.first))}, {escape(name_of(pair.second))}</th>"
        f"<td>{share(pair.same)}</td><td>{number(pair.kappa)}</td>"
        f"<td>{number(pair.weighted)}</td></tr>"
        for pair in found.pairs
    ]
    pairs = f"<h4>{ANNOTATE['pairs']}</h4>{_table(ANNOTATE['pairs_head'], rows)}" if rows else ""
    return f"{head}{whole}<div class='columns'>{parts}</div>{pairs}"


def _figures(title: str, figures: Mapping[str, Figure]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{number(figure)}</td></tr>"
        for name, figure in figures.items()
    )
    return (
        f"<div class='decks'><table><caption>{title}</caption><tbody>{rows}</tbody></table></div>"
    )


def _people(annotators: Sequence[Annotator]) -> str:
    rows = [_person(each) for each in annotators]
    head = "|".join((ANNOTATE["annotators_head"].split("|")[0], *map(str, LABELS)))
    classes = [
        f"<tr><th scope='row'>{escape(name_of(each.who))}</th>"
        + "".join(f"<td>{_own(each, each.per_class[str(label)])}</td>" for label in LABELS)
        + "</tr>"
        for each in annotators
    ]
    return (
        f"<h3>{ANNOTATE['annotators']}</h3><p class='note'>{ANNOTATE['annotators_hint']}</p>"
        f"{_table(ANNOTATE['annotators_head'], rows)}"
        f"<h4>{ANNOTATE['controls_head']}</h4>{_table(head, classes)}{_suggested(annotators)}"
    )


def _suggested(annotators: Sequence[Annotator]) -> str:
    rows = [
        f"<tr><th scope='row'>{escape(name_of(each.who))}</th><td>{of.shown:,}</td>"
        f"<td>{share(of.accepted)}</td><td>{share(of.corrected)}</td>"
        f"<td>{_own(each, of.made_right)}</td><td>{_own(each, of.made_wrong)}</td></tr>"
        for each in annotators
        if (of := each.suggestions).shown
    ]
    if not rows:
        return ""
    return (
        f"<h4>{ANNOTATE['suggestions']}</h4><p class='note'>{ANNOTATE['suggestions_hint']}</p>"
        f"{_table(ANNOTATE['suggestions_head'], rows)}"
    )


def _person(one: Annotator) -> str:
    seconds = one.seconds
    time = "–" if seconds.value is None else f"{seconds.value:.1f} s"
    hover = f"n = {seconds.n}, {seconds.method}"
    cells = (
        f"{one.read:,}",
        f"{one.skipped:,}",
        f"{one.flagged:,}",
        f"<abbr title='{escape(hover)}'>{time}</abbr>",
        _own(one, one.accuracy),
        _own(one, one.drift.change, signed=True) + _curve(one.drift.curve),
    )
    name = escape(name_of(one.who))
    return f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _curve(points: Sequence[Point]) -> str:
    """Draw the moving accuracy as a small line, 0 at the bottom and 1 at the top."""
    if len(points) < 2:
        return ""
    rates = [point.accuracy.value or 0.0 for point in points]
    step = _CURVE[0] / (len(rates) - 1)
    line = " ".join(f"{n * step:.1f},{_CURVE[1] * (1 - rate):.1f}" for n, rate in enumerate(rates))
    words = ANNOTATE["drift_curve"].format(
        window=WINDOW, first=100 * rates[0], last=100 * rates[-1]
    )
    return (
        f" <svg class='curve' role='img' viewBox='0 -2 {_CURVE[0]} {_CURVE[1] + 4}'>"
        f"<title>{escape(words)}</title><polyline points='{line}'/></svg>"
    )


def _own(one: Annotator, figure: Figure, signed: bool = False) -> str:
    """Draw a figure on the controls, or that it is hidden from the one who still reads some."""
    return f"<em>{ANNOTATE['hidden']}</em>" if one.hidden else share(figure, signed)


def share(figure: Figure, signed: bool = False) -> str:
    """Draw a proportion in percent with its interval; n and method on hover."""
    sign = "+" if signed else ""
    return _hover(figure, 100, f"{sign}.0f", " %")


def number(figure: Figure) -> str:
    """Draw a figure that is no proportion, with its interval; n and method on hover."""
    return _hover(figure, 1, ".2f", "")


def _hover(figure: Figure, times: int, form: str, unit: str) -> str:
    if figure.value is None:
        title = f"{ANNOTATE['no_figure']}, n = {figure.n}"
        return f"<abbr title='{escape(title)}'>–</abbr>"
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" <small>{times * figure.low:{form}} … {times * figure.high:{form}}</small>"
    title = escape(f"n = {figure.n}, {figure.method}")
    return f"<abbr title='{title}'>{times * figure.value:{form}}{unit}</abbr>{interval}"


# ---- log -----------------------------------------------------------------------------------


def log_view(entries: Sequence[Entry], now: Standing) -> str:
    """Draw a scan's log, oldest first, and what holds now."""
    if not entries:
        return f"<p>{ANNOTATE['log_none']}</p>"
    rows = [_entry_row(n, entry) for n, entry in enumerate(entries, start=1)]
    holds = {**now.readings} | ({ANNOTATE["settled_by"]: now.settled} if now.settled else {})
    listed = ", ".join(
        f"{escape(name_of(who))}: {escape(said_in_words(one))}" for who, one in holds.items()
    )
    return (
        f"<p class='note'>{ANNOTATE['log_sha']}: <code>{escape(entries[0].sha256)}</code></p>"
        f"{_table(ANNOTATE['log_head'], rows, 'log')}"
        f"<p>{ANNOTATE['holds_now']}: {listed or ANNOTATE['nothing']}</p>"
    )


def _entry_row(number_: int, entry: Entry) -> str:
    model = escape(entry.model or "")
    sha = escape((entry.model_sha256 or "")[:12])
    cells = (
        f"{number_}",
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        escape(name_of(entry.who)) + _brought(entry),
        str(entry.kind),
        _state(entry.before),
        _state(entry.after),
        str(entry.source),
        f"<abbr title='{sha}'>{model}</abbr>" if model else "–",
    )
    named = zip(ANNOTATE["log_head"].split("|"), cells, strict=True)
    return "<tr>" + "".join(f"<td data-name='{n}'>{cell}</td>" for n, cell in named) + "</tr>"


def _brought(entry: Entry) -> str:
    if entry.by in (None, entry.who):
        return ""
    return f" <small>{ANNOTATE['brought_by'].format(who=escape(name_of(str(entry.by))))}</small>"


def _state(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    more = [*reading.findings]
    if reading.marks:
        more.append(f"{len(reading.marks)} regions" if len(reading.marks) > 1 else "1 region")
    if reading.confidence:
        more.append(ANNOTATE["sure"].format(n=reading.confidence))
    more += [ANNOTATE["flagged"]] if reading.flagged else []
    more += [f"“{reading.note}”"] if reading.note else []
    return f"{escape(said_in_words(reading))} <small>{escape(', '.join(more))}</small>"


# ---- out and in ----------------------------------------------------------------------------


def downloads_view(
    project: str, files: Mapping[str, bytes], faults: Sequence[str], unread: int = 0
) -> str:
    """Draw links that hold their files.

    Args:
        project: its name begins each file's.
        files: by what ends its name, such as `coco.json`.
        faults: what could not be exported.
        unread: scans in them that whoever asks may still have to read blind.
    """
    links = "".join(_download(project, ending, data) for ending, data in files.items())
    warned = f"<p class='note'>{ANNOTATE['export_blind'].format(n=unread)}</p>" if unread else ""
    return f"{warned}<p class='downloads'>{links}</p>{_faults(ANNOTATE['export_faults'], faults)}"


def _download(project: str, ending: str, data: bytes) -> str:
    name = f"{project}.{ending}"
    if len(data) > MOST_BYTES:
        text = ANNOTATE["export_large"].format(name=name, n=len(data) // 1_000_000)
        return f"<span>{escape(text)}</span>"
    kind = _TYPES.get(ending.rpartition(".")[2], "application/zip")
    text = base64.b64encode(data).decode()
    return (
        f"<a download='{escape(name)}' href='data:{kind};base64,{text}'>"
        f"{escape(ANNOTATE.get(ending, ending))}</a>"
    )


def import_view(line: str, faults: Sequence[str]) -> str:
    """Draw what an import did."""
    listed = _faults(ANNOTATE["import_faults"], faults)
    return f"<div class='report' role='status'><p>{escape(line)}</p>{listed}</div>"


def _faults(title: str, faults: Sequence[str]) -> str:
    if not faults:
        return ""
    items = "".join(f"<li>{escape(fault)}</li>" for fault in faults[:_NAMED])
    if len(faults) > _NAMED:
        items += f"<li>{ANNOTATE['more'].format(n=len(faults) - _NAMED)}</li>"
    summary = title.format(n=len(faults))
    return f"<details open><summary>{summary}</summary><ul>{items}</ul></details>"


def publish_state(overview: Overview, agreement: Agreement) -> str:
    """Draw who has read so far and how far they agree."""
    n, kappa = len(agreement.annotators), agreement.kappa
    told = ANNOTATE["publish_state"].format(
        annotators=_annotators(n),
        agreement=ANNOTATE["kappa"].format(figure=number(kappa))
        if kappa.value is not None
        else ANNOTATE["no_kappa"],
        done=overview.done,
        scans=overview.scans,
    )
    return f"<p class='state'>{told}</p>"


def published_view(done: Published) -> str:
    """Draw what a project became."""
    left = ", ".join(f"{n:,} {reason}" for reason, n in done.left_out.items() if n)
    out = f"<p>{ANNOTATE['left_out'].format(what=escape(left))}</p>" if left else ""
    line = ANNOTATE["published"].format(title=done.deck.title, added=done.added)
    people = _annotators(done.annotators)
    kappa = (
        ANNOTATE["kappa"].format(figure=number(done.agreement))
        if done.agreement.value is not None
        else ANNOTATE["no_kappa"]
    )
    return (
        f"<div class='report' role='status'><p><strong>{escape(line)}</strong></p>"
        f"<p>{people}, {kappa}.</p>{out}<p>{ANNOTATE['next']}</p></div>"
    )


def _annotators(n: int) -> str:
    return ANNOTATE["one_annotator"] if n == 1 else ANNOTATE["annotators_n"].format(n=n)


def project_choice(project: Project) -> str:
    """Return a project's line in a list."""
    state = f" · {ANNOTATE['is_closed']}" if project.closed_at else ""
    return f"{project.title} ({project.name}){state}"


def _table(head: str, rows: Iterable[str], kind: str = "") -> str:
    cells = "".join(f"<th scope='col'>{name}</th>" for name in head.split("|"))
    return (
        f"<div class='decks {kind}'><table><thead><tr>{cells}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
