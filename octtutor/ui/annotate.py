"""The educators' tab Annotate: projects, reading, settling, figures, the log, files and decks."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.core.annotation import FINDINGS, Order
from octtutor.core.diagnosis import LABELS
from octtutor.errors import OctTutorError, StoreError
from octtutor.tutor.annotating import Dispute
from octtutor.ui.annotate_handlers import (
    OWN,
    SOMETHING_ELSE,
    AnnotateHandlers,
    Form,
    Screen,
    first_regions,
    holds_choices,
    region_choices,
    regions_with,
)
from octtutor.ui.annotate_texts import ACTIONS, ANNOTATE, DRAWING, PANEL
from octtutor.ui.annotate_views import again_view, idle_view, told_line
from octtutor.ui.doorkeeper import RequireEducator
from octtutor.ui.educator import told
from octtutor.ui.outline import build_outline
from octtutor.ui.outline_texts import COLOURS
from octtutor.ui.texts import FULL_NAMES, TRAIN
from octtutor.ui.viewer import ASSETS

KINDS = [".csv", ".json", ".jsonl", ".ndjson", ".zip", ".tar", ".gz", ".tgz"]
Fill = dict[Any, Any]
"""Updates by component."""
_QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_id": "annotate",
    "concurrency_limit": 16,
}
# not preprocessed: another process may have other choices
_RAW: dict[str, Any] = {**_QUIET, "preprocess": False}
_AHEAD: dict[str, Any] = {**_RAW, "show_progress": "full", "concurrency_id": "read-ahead"}
_BAR = gr.Progress()
_BUSY: dict[str, Any] = {**_RAW, "show_progress": "minimal"}
# a stroke that is still on its way belongs to what is settled
_AFTER_STROKE = """async () => {
  const board = document.querySelector("#annotate-settle-outline .board");
  const isOnItsWay = () => board && localStorage.getItem(`octtutor-outline:${board.dataset.task}`);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let n = 0; n < 80 && isOnItsWay(); n += 1) await pause(50);
  await pause(300);
}"""
_GO_TO_TRAIN = f"""() => {{
  const tabs = [...document.querySelectorAll("#educator-tabs button[role=tab]")];
  const train = tabs.find((tab) => tab.textContent.trim() === "{TRAIN["tab"]}");
  if (train) {{ train.click(); window.scrollTo(0, 0); }}
}}"""


def build_annotate_tab(
    page: gr.Blocks, handlers: AnnotateHandlers, require: RequireEducator
) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(ANNOTATE["tab"], id="annotate", elem_id="annotate-tab"):
        step = gr.State("projects")
        project = gr.Dropdown(
            label=ANNOTATE["project"],
            choices=[],
            elem_id="annotate-project",
        )
        with gr.Tabs(elem_id="annotate-steps", overflow_behavior="wrap") as steps:
            projects = _ProjectsStep()
            reading = _ReadStep()
            settling = _SettleStep()
            figures = _FiguresStep()
            log = _LogStep()
            use = _UseStep()
    room = _Room(handlers, require, project, step, steps)
    room.connect_projects(page, projects)
    room.connect_reading(reading)
    room.connect_settling(settling)
    room.connect_log(log)
    room.connect_use(use)
    room.connect_steps(
        {
            "projects": (projects, room.fill_projects(projects)),
            "read": (reading, room.fill_reading(reading)),
            "settle": (settling, room.fill_settling(settling)),
            "figures": (figures, room.fill_figures(figures)),
            "log": (log, room.fill_log(log)),
            "use": (use, room.fill_use(use)),
        },
        projects.to_read,
    )


def _html(elem_id: str, min_height: int | None = None) -> gr.HTML:
    return gr.HTML(
        elem_id=elem_id,
        apply_default_css=False,
        min_height=min_height,
        css_template=(ASSETS / "annotate.css").read_text("utf-8"),
    )


class _ProjectsStep:
    """1 Projects: the list, a new one, close and reopen."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["projects"], id="projects") as self.tab:
            self.table = _html("annotate-projects", 60)
            with gr.Row(visible="hidden") as self.acts:
                self.to_read = gr.Button(
                    ANNOTATE["to_read"], variant="primary", elem_id="annotate-to-read"
                )
                self.anew = gr.Button(ANNOTATE["order_anew"], elem_id="annotate-order-anew")
                self.close = gr.Button(ANNOTATE["close"], elem_id="annotate-close")
                self.reopen = gr.Button(ANNOTATE["reopen"], elem_id="annotate-reopen")
            self.told = _html("annotate-told")
            with gr.Accordion(ANNOTATE["new"], open=False, elem_id="annotate-new"):
                self._lay_out_form()

    def _lay_out_form(self) -> None:
        with gr.Row():
            self.name = _line("name", 64)
            self.title = _line("title", 80)
            self.deck = gr.Dropdown(
                label=ANNOTATE["deck"], choices=[], elem_id="annotate-deck", min_width=240
            )
        with gr.Row():
            self.readers = gr.Number(
                1,
                label=ANNOTATE["readers"],
                info=ANNOTATE["readers_hint"],
                precision=0,
                minimum=1,
                maximum=5,
                elem_id="annotate-readers",
                min_width=200,
            )
            self.controls = gr.Number(
                10,
                label=ANNOTATE["controls"],
                info=ANNOTATE["controls_hint"],
                minimum=0,
                maximum=15,
                elem_id="annotate-controls",
                min_width=200,
            )
            self.order = gr.Dropdown(
                [(ANNOTATE[f"order_{order}"], str(order)) for order in Order],
                value=str(Order.RANDOM),
                label=ANNOTATE["order"],
                elem_id="annotate-order",
                min_width=240,
            )
            self.random_share = gr.Number(
                20,
                label=ANNOTATE["random_share"],
                info=ANNOTATE["random_hint"],
                minimum=0,
                maximum=100,
                elem_id="annotate-random",
                min_width=200,
            )
        self.suggest = gr.Checkbox(label=ANNOTATE["suggest"], elem_id="annotate-suggest")
        self.create = gr.Button(ANNOTATE["create"], variant="primary", elem_id="annotate-create")

    @property
    def form(self) -> list[Any]:
        """The fields in the order of `Form`."""
        return [
            self.name,
            self.title,
            self.deck,
            self.readers,
            self.controls,
            self.order,
            self.random_share,
            self.suggest,
        ]

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.table, self.deck, self.acts]


class _ReadStep:
    """2 Read: the panel and the canvas."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["read"], id="read") as self.tab:
            self.panel = gr.HTML(
                value=idle_view(None, ANNOTATE["idle_none"]),
                html_template=(ASSETS / "annotate.html").read_text("utf-8"),
                css_template=(ASSETS / "annotate.css").read_text("utf-8"),
                js_on_load=(ASSETS / "annotate.js").read_text("utf-8"),
                apply_default_css=False,
                padding=False,
                labels=[str(label) for label in LABELS],
                names={str(label): name for label, name in FULL_NAMES.items()},
                findings=[{"name": name, "colour": COLOURS[name]} for name in FINDINGS],
                actions=[list(action) for action in ACTIONS],
                drawing=DRAWING,
                texts=PANEL,
                elem_id="annotate-panel",
            )
            with gr.Column(visible="hidden") as self.desk:
                self.outline = build_outline("annotate-outline")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.panel, self.outline, self.desk]


class _SettleStep:
    """3 Settle: all readings of a scan side by side, and what holds."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["settle"], id="settle") as self.tab:
            self.pick = gr.Dropdown(
                label=ANNOTATE["dispute"], choices=[], elem_id="annotate-dispute"
            )
            self.pictures = _html("annotate-readings", 60)
            with gr.Column(visible="hidden") as self.form:
                self.holds = gr.Radio(label=ANNOTATE["holds"], choices=[], elem_id="annotate-holds")
                with gr.Row(visible=False) as self.more:
                    words = [(str(label), str(label)) for label in LABELS]
                    self.other = gr.Radio(
                        [*words, (ANNOTATE["ungradable"], "UNGRADABLE")],
                        label=ANNOTATE["else_class"],
                        elem_id="annotate-else",
                        min_width=300,
                    )
                    self.findings = gr.CheckboxGroup(
                        list(FINDINGS),
                        label=ANNOTATE["else_findings"],
                        elem_id="annotate-else-findings",
                        min_width=300,
                    )
                self.regions = gr.Radio(
                    label=ANNOTATE["regions"],
                    info=ANNOTATE["regions_hint"],
                    choices=[],
                    elem_id="annotate-regions",
                )
                with gr.Column(visible="hidden") as self.desk:
                    self.outline = build_outline("annotate-settle-outline")
                self.note = gr.Textbox(
                    label=ANNOTATE["note"], max_length=1000, elem_id="annotate-note"
                )
                self.settle = gr.Button(
                    ANNOTATE["settle_button"], variant="primary", elem_id="annotate-settle"
                )
            self.told = _html("annotate-settled")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [
            self.pick,
            self.pictures,
            self.form,
            self.holds,
            self.more,
            self.other,
            self.findings,
            self.regions,
            *self.canvas,
            self.note,
        ]

    @property
    def canvas(self) -> list[Any]:
        """The canvas, and what hides it."""
        return [self.outline, self.desk]


class _FiguresStep:
    """4 Figures."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["figures"], id="figures") as self.tab:
            self.figures = _html("annotate-figures", 60)

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.figures]


class _LogStep:
    """5 Log: of a scan; any earlier state shown and restored."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["log"], id="log") as self.tab:
            self.scan = gr.Dropdown(
                label=ANNOTATE["log_scan"],
                info=ANNOTATE["log_hint"],
                choices=[],
                elem_id="annotate-log-scan",
            )
            self.log = _html("annotate-log", 60)
            with gr.Column(visible="hidden") as self.more:
                self.entry = gr.Dropdown(
                    label=ANNOTATE["entry"], choices=[], elem_id="annotate-entry"
                )
                self.state = _html("annotate-state")
                self.restore = gr.Button(ANNOTATE["restore"], elem_id="annotate-restore")
                self.told = _html("annotate-restored")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.scan, *self.of_scan]

    @property
    def of_scan(self) -> list[Any]:
        """What choosing a scan fills."""
        return [self.log, self.more, self.entry, self.state, self.told]


class _UseStep:
    """6 Use: files out and in, and a deck of what holds."""

    def __init__(self) -> None:
        with gr.Tab(ANNOTATE["use"], id="use") as self.tab:
            gr.Markdown(f"### {ANNOTATE['publish']}\n{ANNOTATE['publish_hint']}")
            self.state = _html("annotate-publish-state")
            with gr.Column(visible="hidden") as self.body:
                self._lay_out_body()

    def _lay_out_body(self) -> None:
        with gr.Row():
            self.deck = gr.Textbox(
                label=ANNOTATE["publish_deck"],
                max_length=63,
                elem_id="annotate-publish-deck",
                min_width=240,
            )
            self.title = gr.Textbox(
                label=ANNOTATE["publish_title"],
                max_length=80,
                elem_id="annotate-publish-title",
                min_width=240,
            )
        self.publish = gr.Button(
            ANNOTATE["publish_button"], variant="primary", elem_id="annotate-publish"
        )
        self.published = _html("annotate-published")
        self.train = gr.Button(ANNOTATE["to_train"], visible=False, elem_id="annotate-train")
        gr.Markdown(f"### {ANNOTATE['export']}\n{ANNOTATE['export_hint']}")
        self.export = gr.Button(ANNOTATE["export_button"], elem_id="annotate-export")
        self.files = _html("annotate-files")
        gr.Markdown(f"### {ANNOTATE['import']}\n{ANNOTATE['import_hint']}")
        self.upload = gr.File(
            label=ANNOTATE["import_file"],
            file_types=KINDS,
            elem_id="annotate-upload",
            height=130,
        )
        self.bring_in = gr.Button(ANNOTATE["import_button"], elem_id="annotate-import")
        self.report = _html("annotate-report")

    @property
    def shown(self) -> list[Any]:
        """What entering the step fills."""
        return [self.state, self.body, self.files, self.published, self.train, self.report]


class _Room:
    """Connects the steps; every handler asks first who is asking."""

    def __init__(
        self,
        handlers: AnnotateHandlers,
        require: RequireEducator,
        project: gr.Dropdown,
        step: gr.State,
        steps: gr.Tabs,
    ) -> None:
        self._do, self._require = handlers, require
        self._project, self._step, self._steps = project, step, steps

    def _told(self, request: gr.Request, use: Callable[[str], Fill]) -> Fill:
        result: Fill = told(lambda: use(self._require(request).name))
        return result

    # ---- going from step to step -----------------------------------------------------------

    def connect_steps(
        self, parts: dict[str, tuple[Any, Callable[[Any, str], Fill]]], to_read: gr.Button
    ) -> None:
        """Fill a step when it is entered, and when another project is chosen there."""

        def enter(name: str, move: bool = False) -> Callable[..., Fill]:
            def handler(request: gr.Request, project: Any) -> Fill:
                def use(who: str) -> Fill:
                    # a step may be entered before the page's own load has chosen a project
                    chosen = project if self._do.is_project(project) else self._do.first(who)
                    return parts[name][1](chosen, who)

                filled = self._told(request, use)
                moved = {self._steps: gr.Tabs(selected=name)} if move else {}
                return {**filled, **moved, self._step: name}

            return handler

        def again(request: gr.Request, step: Any, project: Any) -> Fill:
            # back to the list from Read: looking at a project must not take a scan of it
            name = step if step in parts and step != "read" else "projects"
            moved = {self._steps: gr.Tabs(selected=name), self._step: name}
            filled = self._told(request, lambda who: parts[name][1](project, who))
            return {**filled, **(moved if step == "read" else {})}

        # an update of panel or canvas while they are not on the page loses their properties
        others = [part for name, (part, _) in parts.items() if name != "read"]
        shown = [component for part in others for component in part.shown]
        for name, (part, _) in parts.items():
            part.tab.select(enter(name), [self._project], [*part.shown, self._step], **_BUSY)
        reading = [*parts["read"][0].shown, self._step, self._steps]
        to_read.click(enter("read", move=True), [self._project], reading, **_RAW)
        chosen = [self._step, self._project]
        self._project.input(again, chosen, [*shown, self._step, self._steps], **_RAW)

    # ---- 1 ---------------------------------------------------------------------------------

    def fill_projects(self, part: _ProjectsStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""

        def fill(project: Any, who: str) -> Fill:
            return {
                part.table: self._do.table(who, project),
                part.deck: gr.update(choices=self._do.decks()),
                part.acts: _there(self._do.is_project(project)),
            }

        return fill

    def connect_projects(self, page: gr.Blocks, part: _ProjectsStep) -> None:
        """Connect 1 Projects, and what an opened page shows."""

        def load(request: gr.Request) -> Fill:
            def use(who: str) -> Fill:
                first, decks = self._do.first(who), self._do.decks()
                return {
                    self._project: gr.update(choices=self._do.projects(), value=first),
                    part.table: self._do.table(who, first),
                    part.deck: gr.update(choices=decks, value=decks[0][1] if decks else None),
                    part.acts: _there(first is not None),
                }

            return self._told(request, use)

        def create(request: gr.Request, *fields: Any) -> Fill:
            def use(who: str) -> Fill:
                name, line = self._do.create(Form(*fields))
                return {
                    **self._listed(part, who, name, line),
                    part.name: "",
                    part.title: "",
                }

            return self._told(request, use)

        def act(what: Callable[[Any], str]) -> Callable[..., Fill]:
            def handler(request: gr.Request, project: Any) -> Fill:
                def use(who: str) -> Fill:
                    return self._listed(part, who, project, what(project))

                return self._told(request, use)

            return handler

        listed = [self._project, part.table, part.told, part.acts]
        page.load(load, None, [self._project, *part.shown], **_QUIET)
        made = part.create.click(create, part.form, [*listed, part.name, part.title], **_RAW)
        self._connect_reading_ahead(made, part)
        part.close.click(act(self._do.close), [self._project], listed, **_RAW)
        part.reopen.click(act(self._do.reopen), [self._project], listed, **_RAW)

    def _connect_reading_ahead(self, made: Any, part: _ProjectsStep) -> None:
        """Let the model answer a project's scans where its order goes by them: new, or anew."""

        def reckon(order: Callable[[Any, Callable[[int, int], None]], str]) -> Callable[..., Fill]:
            def handler(request: gr.Request, project: Any, bar: gr.Progress = _BAR) -> Fill:
                def show(done: int, total: int) -> None:
                    if done % 10 == 0 or done == total:
                        bar((done, total), desc=ANNOTATE["reading_ahead"], unit="scans")

                def use(who: str) -> Fill:
                    return {part.told: order(project, show) or gr.skip()}

                return self._told(request, use)

            return handler

        place: dict[str, Any] = {"show_progress_on": part.told, **_AHEAD}
        made.success(reckon(self._do.read_ahead), [self._project], [part.told], **place)
        part.anew.click(reckon(self._do.order_anew), [self._project], [part.told], **place)

    def _listed(self, part: _ProjectsStep, who: str, project: Any, line: str) -> Fill:
        return {
            self._project: gr.update(choices=self._do.projects(), value=project),
            part.table: self._do.table(who, project),
            part.told: told_line(line),
            part.acts: _there(True),
        }

    # ---- 2 ---------------------------------------------------------------------------------

    def fill_reading(self, part: _ReadStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""
        return lambda project, who: _shown(part, self._do.open(project, who))

    def connect_reading(self, part: _ReadStep) -> None:
        """Connect 2 Read."""

        def act(request: gr.Request, event: gr.EventData) -> Fill:
            sent = _payload(event)
            return self._told(request, lambda who: _shown(part, self._act(who, sent)))

        def draw(request: gr.Request, event: gr.EventData) -> Any:
            return told(lambda: self._do.draw(self._require(request).name, _payload(event)))

        def suggest(request: gr.Request, event: gr.EventData) -> Any:
            name = told(lambda: self._require(request)).name
            return self._do.suggest_outline(name, _payload(event))

        part.panel.submit(act, None, part.shown, **_QUIET)
        part.outline.input(draw, None, part.outline, **_QUIET)
        part.outline.apply(suggest, None, part.outline, **_QUIET)

    def _act(self, who: str, sent: Any) -> Screen:
        """Do what the panel asks for; what cannot be is said, and nothing typed is lost."""
        project = sent.get("project") if isinstance(sent, dict) else None
        try:
            return self._do.act(who, sent)
        except StoreError as error:
            gr.Warning(str(error), duration=8)
            return self._do.open(project, who)
        except OctTutorError as error:
            gr.Warning(str(error), duration=8)
            return Screen(again_view(sent.get("task") if isinstance(sent, dict) else None))

    # ---- 3 ---------------------------------------------------------------------------------

    def fill_settling(self, part: _SettleStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""

        def fill(project: Any, who: str) -> Fill:
            choices = self._do.disputes(project, who)
            first = choices[0][1] if choices else None
            pick = gr.update(choices=choices, value=first)
            return {part.pick: pick, **self._dispute(part, project, first, who)}

        return fill

    def connect_settling(self, part: _SettleStep) -> None:
        """Connect 3 Settle."""

        def look(request: gr.Request, project: Any, pick: Any) -> Fill:
            return self._told(request, lambda who: self._dispute(part, project, pick, who))

        def settle(request: gr.Request, project: Any, pick: Any, *said: Any) -> Fill:
            def use(who: str) -> Fill:
                if self._do.dispute(project, pick, who) is None:
                    gr.Warning(ANNOTATE["need_dispute"], duration=8)
                    return self.fill_settling(part)(project, who)
                line = self._do.settle(project, pick, who, *said)
                return {**self.fill_settling(part)(project, who), part.told: told_line(line)}

            return self._told(request, use)

        said = [part.holds, part.other, part.findings, part.regions, part.note]
        part.pick.input(look, [self._project, part.pick], part.shown, **_RAW)
        self._connect_settling_canvas(part)
        drawn = part.settle.click(None, None, None, js=_AFTER_STROKE, api_visibility="private")
        place = [self._project, part.pick]
        drawn.then(settle, [*place, *said], [*part.shown, part.told], **_RAW)

    def _connect_settling_canvas(self, part: _SettleStep) -> None:
        """Let a choice fill the canvas, and what is drawn there be a choice."""

        def more(request: gr.Request, project: Any, pick: Any, holds: Any, regions: Any) -> Fill:
            def use(who: str) -> Fill:
                dispute = self._do.dispute(project, pick, who)
                begun = regions_with(dispute, holds, regions)
                stays = begun == OWN
                return {
                    part.more: gr.update(visible=holds == SOMETHING_ELSE),
                    part.regions: begun,
                    **({} if stays else self._canvas(part, project, dispute, begun, who)),
                }

            return self._told(request, use)

        def begin(request: gr.Request, project: Any, pick: Any, regions: Any) -> Fill:
            def use(who: str) -> Fill:
                dispute = self._do.dispute(project, pick, who)
                return self._canvas(part, project, dispute, regions, who)

            return self._told(request, use)

        def draw(request: gr.Request, event: gr.EventData, pick: Any) -> Fill:
            def use(who: str) -> Fill:
                answer, dispute = self._do.sketch(who, _payload(event))
                if dispute is None or dispute.sha256 != pick:
                    return {part.outline: answer}
                choices = region_choices(dispute, who)
                return {part.outline: answer, part.regions: gr.update(choices=choices, value=OWN)}

            return self._told(request, use)

        place, canvas = [self._project, part.pick], part.canvas
        changed = [part.more, part.regions, *canvas]
        part.holds.input(more, [*place, part.holds, part.regions], changed, **_RAW)
        part.regions.input(begin, [*place, part.regions], canvas, **_RAW)
        part.outline.input(draw, [part.pick], [part.outline, part.regions], **_RAW)

    def _dispute(self, part: _SettleStep, project: Any, sha256: Any, who: str) -> Fill:
        dispute = self._do.dispute(project, sha256, who)
        regions = first_regions(dispute, who)
        return {
            part.pictures: self._do.dispute_view(dispute),
            part.form: _there(dispute is not None),
            part.holds: gr.update(choices=holds_choices(dispute), value=None),
            part.more: gr.update(visible=False),
            part.other: None,
            part.findings: [],
            part.regions: gr.update(choices=region_choices(dispute, who), value=regions),
            part.note: "",
            **self._canvas(part, project, dispute, regions, who),
        }

    def _canvas(
        self, part: _SettleStep, project: Any, dispute: Dispute | None, regions: Any, who: str
    ) -> Fill:
        view = self._do.settling_view(project, dispute, regions, who)
        shown: Fill = {part.desk: _there(view is not None)}
        return shown | ({part.outline: view} if view else {})

    # ---- 4, 5 ------------------------------------------------------------------------------

    def fill_figures(self, part: _FiguresStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""
        return lambda project, who: {part.figures: self._do.figures(project, who)}

    def fill_log(self, part: _LogStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""

        def fill(project: Any, who: str) -> Fill:
            choices = self._do.log_scans(project, who)
            last = choices[-1][1] if choices else None
            scan = gr.update(choices=choices, value=last)
            return {part.scan: scan, **self._log(part, project, last, who)}

        return fill

    def connect_log(self, part: _LogStep) -> None:
        """Connect 5 Log."""

        def look(request: gr.Request, project: Any, scan: Any) -> Fill:
            return self._told(request, lambda who: self._log(part, project, scan, who))

        def show(request: gr.Request, project: Any, scan: Any, entry: Any) -> Fill:
            def use(who: str) -> Fill:
                return {part.state: self._do.state(project, scan, entry, who)}

            return self._told(request, use)

        def restore(request: gr.Request, project: Any, scan: Any, entry: Any) -> Fill:
            def use(who: str) -> Fill:
                line = self._do.restore(project, scan, entry, who)
                return {**self._log(part, project, scan, who), part.told: told_line(line)}

            return self._told(request, use)

        place = [self._project, part.scan]
        part.scan.input(look, place, part.of_scan, **_RAW)
        part.entry.input(show, [*place, part.entry], [part.state], **_RAW)
        part.restore.click(restore, [*place, part.entry], part.of_scan, **_RAW)

    def _log(self, part: _LogStep, project: Any, scan: Any, who: str) -> Fill:
        drawn, entries = self._do.log(project, scan, who)
        last = entries[-1][1] if entries else None
        return {
            part.log: drawn,
            part.more: _there(bool(entries)),
            part.entry: gr.update(choices=entries, value=last),
            part.state: self._do.state(project, scan, last, who) if last else "",
            part.told: "",
        }

    # ---- 6 ---------------------------------------------------------------------------------

    def fill_use(self, part: _UseStep) -> Callable[[Any, str], Fill]:
        """Return what fills the step."""

        def fill(project: Any, who: str) -> Fill:
            return {
                part.state: self._do.publish_state(project, who),
                part.body: _there(self._do.is_project(project)),
                part.files: "",
                part.published: "",
                part.train: gr.update(visible=False),
                part.report: "",
            }

        return fill

    def connect_use(self, part: _UseStep) -> None:
        """Connect 6 Use."""

        def publish(request: gr.Request, project: Any, deck: Any, title: Any) -> Fill:
            def use(who: str) -> Fill:
                report = self._do.publish(project, deck, title)
                return {
                    part.published: report,
                    part.train: gr.update(visible=True),
                    part.deck: "",
                    part.title: "",
                }

            return self._told(request, use)

        def export(request: gr.Request, project: Any) -> Fill:
            return self._told(request, lambda who: {part.files: self._do.export(project, who)})

        def bring_in(request: gr.Request, project: Any, upload: Any) -> Fill:
            def use(who: str) -> Fill:
                report = self._do.bring_in(project, upload, who)
                state = self._do.publish_state(project, who)
                return {part.report: report, part.upload: None, part.state: state}

            return self._told(request, use)

        part.publish.click(
            publish,
            [self._project, part.deck, part.title],
            [part.published, part.train, part.deck, part.title],
            show_progress_on=part.published,
            **_BUSY,
        )
        part.train.click(None, None, None, js=_GO_TO_TRAIN, api_visibility="private")
        part.export.click(
            export, [self._project], [part.files], show_progress_on=part.files, **_BUSY
        )
        part.bring_in.click(
            bring_in,
            [self._project, part.upload],
            [part.report, part.upload, part.state],
            show_progress_on=part.report,
            **_BUSY,
        )


def _shown(part: _ReadStep, screen: Screen) -> Fill:
    shown: Fill = {part.panel: screen.panel}
    if screen.panel["phase"] == "idle":
        shown[part.desk] = gr.update(visible="hidden")
    elif screen.outline is not None:
        shown |= {part.outline: screen.outline, part.desk: gr.update(visible=True)}
    return shown


def _there(is_there: bool) -> Any:
    return gr.update(visible=True if is_there else "hidden")


def _payload(event: gr.EventData) -> Any:
    return event._data


def _line(text: str, length: int) -> gr.Textbox:
    hint = ANNOTATE[f"{text}_hint"]
    return gr.Textbox(
        label=ANNOTATE[text],
        info=hint,
        max_length=length,
        min_width=240,
        elem_id=f"annotate-{text}",
    )
