"""The educators' tab Train: data, plan, run, compare, publish; one thing on each screen."""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.errors import BadInputError
from octtutor.tutor.training import Chosen
from octtutor.ui.doorkeeper import RequireEducator
from octtutor.ui.educator import told
from octtutor.ui.texts import SCANS, TRAIN
from octtutor.ui.training_handlers import (
    EPOCHS,
    FRESH,
    IN_USE,
    MINUTES,
    Draft,
    Form,
    Now,
    TrainHandlers,
)
from octtutor.ui.training_views import audit_view

KINDS = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"]
_BAR = gr.Progress()
_EVERY = 2.0
"""Seconds between two looks at the runs."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build_train_tab(page: gr.Blocks, handlers: TrainHandlers, require: RequireEducator) -> None:
    """Lay out the tab and connect it. Must be called inside the page's `gr.Tabs`."""
    with gr.Tab(TRAIN["tab"], id="train") as tab:
        chosen, draft, seen = gr.State(None), gr.State(Draft()), gr.State(None)
        with gr.Tabs(elem_id="train-steps", overflow_behavior="wrap") as steps:
            data = _DataStep()
            plan = _PlanStep()
            run = _RunStep()
            comparison = _CompareStep()
            publishing = _PublishStep()
        timer = gr.Timer(_EVERY)
    room = _Room(page, handlers, require, steps, chosen, draft, seen)
    room.connect_data(data)
    room.connect_plan(plan, data, run)
    room.connect_run(run, comparison, publishing, plan, timer)
    room.connect_compare(comparison)
    room.connect_publish(publishing, run, plan)
    page.load(room.load, None, [data.decks, data.test, plan.start, plan.name], **_QUIET)
    tab.select(room.see_decks, None, [data.decks, data.test], **_QUIET)


class _DataStep:
    """1 Data: decks, a test deck, an upload, the audit."""

    def __init__(self) -> None:
        with gr.Tab(TRAIN["data"], id="data"):
            self.decks = gr.CheckboxGroup(
                label=TRAIN["decks"], info=TRAIN["decks_hint"], elem_id="train-decks"
            )
            self.test = gr.Dropdown(
                [(TRAIN["no_test"], "")],
                value="",
                label=TRAIN["test"],
                info=TRAIN["test_hint"],
                elem_id="train-test",
            )
            with gr.Accordion(TRAIN["upload"], open=False, elem_id="train-upload-more"):
                self.upload = gr.File(
                    label=SCANS["file"], file_types=KINDS, elem_id="train-upload", height=130
                )
                self.add = gr.Button(TRAIN["upload_add"], elem_id="train-add")
                self.added = gr.HTML(apply_default_css=False, elem_id="train-added")
            self.look = gr.Button(TRAIN["look"], variant="primary", elem_id="train-look")
            self.audit = gr.HTML(apply_default_css=False, elem_id="train-audit", min_height=60)
            self.leaky = gr.Checkbox(label=TRAIN["leaky"], visible=False, elem_id="train-leaky")
            self.go = gr.Button(
                TRAIN["to_plan"], variant="primary", visible=False, elem_id="train-to-plan"
            )


class _PlanStep:
    """2 Plan: recipe, start, epochs or minutes, name; the time that it takes."""

    def __init__(self) -> None:
        with gr.Tab(TRAIN["plan"], id="plan"):
            recipes = [(TRAIN[name], name) for name in ("finetune", "features", "article")]
            self.recipe = gr.Radio(
                recipes, value="finetune", label=TRAIN["recipe"], elem_id="train-recipe"
            )
            self.start = gr.Radio(
                [(TRAIN["start_fresh"], FRESH)],
                value=FRESH,
                label=TRAIN["start"],
                info=TRAIN["start_hint"],
                elem_id="train-start-from",
            )
            with gr.Row():
                self.amount = gr.Radio(
                    [(TRAIN["epochs"], EPOCHS), (TRAIN["minutes"], MINUTES)],
                    value=EPOCHS,
                    label=TRAIN["amount"],
                    elem_id="train-amount",
                    min_width=240,
                )
                self.number = gr.Number(
                    12,
                    label=TRAIN["number"],
                    info=TRAIN["number_hint"],
                    minimum=1,
                    elem_id="train-number",
                    min_width=240,
                )
                self.name = gr.Textbox(
                    label=TRAIN["name"], max_length=64, elem_id="train-name", min_width=240
                )
            with gr.Accordion(TRAIN["more"], open=False, elem_id="train-more"):
                self._lay_out_more()
            self.estimate = gr.HTML(apply_default_css=False, elem_id="train-estimate")
            with gr.Row():
                self.measure = gr.Button(TRAIN["measure"], elem_id="train-measure")
                self.begin = gr.Button(
                    TRAIN["start_button"], variant="primary", elem_id="train-start"
                )

    def _lay_out_more(self) -> None:
        with gr.Row():
            self.backbone = gr.Textbox(
                label=TRAIN["backbone"], info=TRAIN["backbone_hint"], elem_id="train-backbone"
            )
            self.weights = gr.Textbox(
                label=TRAIN["weights"], info=TRAIN["weights_hint"], elem_id="train-weights"
            )
        with gr.Row():
            self.size = gr.Number(
                None, label=TRAIN["size"], info=TRAIN["size_hint"], elem_id="train-size"
            )
            self.batch = gr.Number(
                None, label=TRAIN["batch"], info=TRAIN["batch_hint"], elem_id="train-batch"
            )
            self.head = gr.Dropdown(
                ["gap-dense", "conv-flatten"], label=TRAIN["head"], elem_id="train-head"
            )

    @property
    def form(self) -> list[Any]:
        """The fields in the order of `Form`."""
        return [
            self.recipe,
            self.start,
            self.amount,
            self.number,
            self.name,
            self.backbone,
            self.weights,
            self.size,
            self.batch,
            self.head,
        ]


class _RunStep:
    """3 Run: what every educator sees of the runs."""

    def __init__(self) -> None:
        with gr.Tab(TRAIN["run"], id="run"):
            self.job = gr.Dropdown(label=TRAIN["job"], elem_id="train-job", choices=[])
            self.run = gr.HTML(apply_default_css=False, elem_id="train-run", min_height=120)
            with gr.Row():
                self.stop = gr.Button(TRAIN["stop"], visible=False, elem_id="train-stop")
                self.resume = gr.Button(
                    TRAIN["resume"], variant="primary", visible=False, elem_id="train-resume"
                )
                self.go = gr.Button(
                    TRAIN["next_compare"],
                    variant="primary",
                    visible=False,
                    elem_id="train-to-compare",
                )
            self.log = gr.HTML(apply_default_css=False, elem_id="train-log")
            self.history = gr.HTML(apply_default_css=False, elem_id="train-history")

    @property
    def shown(self) -> list[Any]:
        """What a look at the runs fills."""
        return [
            self.job,
            self.run,
            self.stop,
            self.resume,
            self.go,
            self.log,
            self.history,
        ]


class _CompareStep:
    """4 Compare: the new model beside the one that was in use."""

    def __init__(self) -> None:
        with gr.Tab(TRAIN["compare"], id="compare"):
            self.told = gr.HTML(apply_default_css=False, elem_id="train-comparison", min_height=60)
            self.go = gr.Button(
                TRAIN["next_publish"], variant="primary", elem_id="train-to-publish"
            )


class _PublishStep:
    """5 Publish, and roll back."""

    def __init__(self) -> None:
        with gr.Tab(TRAIN["publish"], id="publish"):
            self.offer = gr.HTML(apply_default_css=False, elem_id="train-offer")
            self.name = gr.Textbox(
                label=TRAIN["publish_name"], max_length=64, elem_id="train-publish-name"
            )
            self.publish = gr.Button(
                TRAIN["publish_button"],
                variant="primary",
                interactive=False,
                elem_id="train-publish",
            )
            self.in_use = gr.HTML(apply_default_css=False, elem_id="train-in-use")
            self.back = gr.Button(TRAIN["roll_back"], interactive=False, elem_id="train-back")
            self.done = gr.HTML(apply_default_css=False, elem_id="train-published")


class _Room:
    """Connects the steps; every handler asks first who is asking."""

    def __init__(
        self,
        page: gr.Blocks,
        handlers: TrainHandlers,
        require: RequireEducator,
        steps: gr.Tabs,
        chosen: gr.State,
        draft: gr.State,
        seen: gr.State,
    ) -> None:
        self._page, self._do, self._require, self._steps = page, handlers, require, steps
        self._chosen, self._draft, self._seen = chosen, draft, seen

    def _told(self, request: gr.Request, use: Callable[[Educator], Any]) -> Any:
        return told(lambda: use(self._require(request)))

    def _to(self, step: str) -> Callable[[gr.Request], Any]:
        """Return a handler that goes on to another step."""

        def handler(request: gr.Request) -> Any:
            self._told(request, lambda educator: None)
            return gr.Tabs(selected=step)

        return handler

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        """Fill the choices of a page that is opened."""

        def use(educator: Educator) -> tuple[Any, ...]:
            name = self._do.name_in_use()
            return (
                *self._deck_choices(),
                gr.update(
                    choices=[
                        (TRAIN["start_fresh"], FRESH),
                        (TRAIN["start_model"].format(name=name), IN_USE),
                    ]
                ),
                self._do.free_name("model-2"),
            )

        return tuple(self._told(request, use))

    def see_decks(self, request: gr.Request) -> Any:
        """Offer the decks as they are now: annotations may have become one."""
        return tuple(self._told(request, lambda educator: self._deck_choices()))

    def _deck_choices(self) -> tuple[Any, Any]:
        """Update what may be chosen; what is chosen stays, also what was just now."""
        decks = self._do.decks()
        info = TRAIN["decks_hint"] if decks else TRAIN["no_decks"]
        return (
            gr.update(choices=decks, info=info),
            gr.update(choices=[(TRAIN["no_test"], ""), *decks]),
        )

    def connect_data(self, data: _DataStep) -> None:
        """Connect 1 Data."""

        def add(
            upload: Any, decks: list[str], request: gr.Request, bar: gr.Progress = _BAR
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                before = {name for _, name in self._do.decks()}
                report = self._do.add(upload, _follow(bar, SCANS["importing"]))
                new = [name for _, name in self._do.decks() if name not in before]
                choices, tests = self._deck_choices()
                return report, {**choices, "value": [*(decks or []), *new]}, tests, None

            return tuple(self._told(request, use))

        def look(
            decks: list[str], test: str, request: gr.Request, bar: gr.Progress = _BAR
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                chosen = self._do.look(decks, test, _follow(bar, TRAIN["looking"]))
                return (
                    chosen,
                    audit_view(chosen),
                    gr.update(visible=bool(chosen.shared) and not chosen.faults, value=False),
                    gr.update(visible=not (chosen.shared or chosen.faults)),
                )

            return tuple(self._told(request, use))

        def forget(request: gr.Request) -> tuple[Any, ...]:
            self._told(request, lambda educator: None)
            hidden = gr.update(visible=False)
            return None, "", gr.update(visible=False, value=False), hidden

        def allow(leaky: bool, chosen: Chosen | None, request: gr.Request) -> Any:
            self._told(request, lambda educator: None)
            return gr.update(visible=chosen is not None and bool(leaky or not chosen.shared))

        # not preprocessed: Gradio would fetch a path that is a web address
        data.add.click(
            add,
            [data.upload, data.decks],
            [data.added, data.decks, data.test, data.upload],
            preprocess=False,
            show_progress_on=data.added,
            concurrency_id="import",
            concurrency_limit=1,
            api_visibility="private",
        )
        found = [self._chosen, data.audit, data.leaky, data.go]
        data.look.click(
            look,
            [data.decks, data.test],
            found,
            show_progress_on=data.audit,
            api_visibility="private",
        )
        gr.on([data.decks.input, data.test.input], forget, None, found, **_QUIET)
        data.leaky.input(allow, [data.leaky, self._chosen], data.go, **_QUIET)
        data.go.click(self._to("plan"), None, self._steps, **_QUIET)

    def connect_plan(self, plan: _PlanStep, data: _DataStep, run: _RunStep) -> None:
        """Connect 2 Plan."""

        def measure(
            request: gr.Request, chosen: Chosen | None, leaky: bool, draft: Draft, *fields: Any
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                form = Form(*fields)
                order = self._do.order(chosen, leaky, form, educator.name)
                measured = self._do.measure(order, draft)
                return measured, _line(self._do.estimate(measured, form))

            return tuple(self._told(request, use))

        def start(
            request: gr.Request, chosen: Chosen | None, leaky: bool, draft: Draft, *fields: Any
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                form = Form(*fields)
                order = self._do.order(chosen, leaky, form, educator.name)
                job = self._do.start(order, draft, form)
                now = self._do.now(job, None)
                if now.job != job:
                    now = self._do.now(job, now)
                return Draft(), now, gr.Tabs(selected="run"), *_shown(now)

            return tuple(self._told(request, use))

        fields = [self._chosen, data.leaky, self._draft, *plan.form]
        plan.measure.click(measure, fields, [self._draft, plan.estimate], **_QUIET)
        plan.begin.click(
            start,
            fields,
            [self._draft, self._seen, self._steps, *run.shown],
            concurrency_id="start",
            concurrency_limit=1,
            **_QUIET,
        )

    def connect_run(
        self,
        run: _RunStep,
        comparison: _CompareStep,
        publishing: _PublishStep,
        plan: _PlanStep,
        timer: gr.Timer,
    ) -> None:
        """Connect 3 Run: the timer that every open page has, Stop, Resume."""

        def look(
            request: gr.Request, job: str | None, seen: Now | None, draft: Draft, *fields: Any
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                now = self._do.now(job, seen)
                estimate = gr.skip() if draft.order is None else self._estimate(draft, fields)
                return now, *_changes(now, seen), estimate, *self._results(now, seen)

            return tuple(self._told(request, use))

        def act(what: Callable[[Any], None]) -> Callable[..., tuple[Any, ...]]:
            def handler(job: str | None, request: gr.Request) -> tuple[Any, ...]:
                def use(educator: Educator) -> tuple[Any, ...]:
                    what(job)
                    now = self._do.now(job, None)
                    now = now if now.job == job else self._do.now(job, now)
                    return now, *_shown(now)

                return tuple(self._told(request, use))

            return handler

        looked = [self._seen, *run.shown, plan.estimate]
        looked += [comparison.told, publishing.offer, publishing.name, publishing.publish]
        looked += [publishing.in_use, publishing.back]
        wanted = [run.job, self._seen, self._draft, *plan.form]
        ticking: dict[str, Any] = {**_QUIET, "concurrency_id": "look", "concurrency_limit": 4}
        timer.tick(look, wanted, looked, trigger_mode="once", **ticking)
        self._page.load(look, wanted, looked, **ticking)
        run.job.input(look, wanted, looked, **ticking)
        run.stop.click(act(self._do.stop), run.job, [self._seen, *run.shown], **_QUIET)
        run.resume.click(act(self._do.resume), run.job, [self._seen, *run.shown], **_QUIET)
        run.go.click(self._to("compare"), None, self._steps, **_QUIET)

    def _estimate(self, draft: Draft, fields: tuple[Any, ...]) -> str:
        try:
            return _line(self._do.estimate(draft, Form(*fields)))
        except BadInputError as error:  # a number that is being typed
            return _line(str(error))

    def _results(self, now: Now, seen: Now | None) -> tuple[Any, ...]:
        """Fill 4 and 5, only when something may have changed: they read models and pictures."""
        if seen is not None and now.stage == seen.stage:
            return (gr.skip(),) * 6
        return self._do.comparison(now.job), *self._publishing(now.job)

    def _publishing(self, job: str | None) -> tuple[Any, ...]:
        offer, name, can = self._do.offer(job)
        in_use, back = self._do.in_use()
        return offer, name, gr.update(interactive=can), in_use, gr.update(interactive=back)

    def connect_compare(self, comparison: _CompareStep) -> None:
        """Connect 4 Compare."""
        comparison.go.click(self._to("publish"), None, self._steps, **_QUIET)

    def connect_publish(self, step: _PublishStep, run: _RunStep, plan: _PlanStep) -> None:
        """Connect 5 Publish."""

        def publish(job: str | None, name: str, request: gr.Request) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                return _line(self._do.publish(job, name)), *self._publishing(job)

            return tuple(self._told(request, use))

        def back(job: str | None, request: gr.Request) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                return _line(self._do.roll_back()), *self._publishing(job)

            return tuple(self._told(request, use))

        filled = [step.done, step.offer, step.name, step.publish, step.in_use, step.back]
        shown: dict[str, Any] = {"show_progress_on": step.done, "api_visibility": "private"}
        step.publish.click(publish, [run.job, step.name], filled, **shown)
        step.back.click(back, run.job, filled, **shown)


def _follow(bar: gr.Progress, what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        if done % (total // 100 + 1) == 0 or done == total:
            bar((done, total), desc=what, unit="scans")

    return show


def _line(text: str) -> str:
    return f"<div class='train' role='status'><p class='said'>{escape(text)}</p></div>"


def _shown(now: Now) -> tuple[Any, ...]:
    """Return what `_RunStep.shown` gets."""
    return (
        gr.update(choices=list(now.choices), value=now.job),
        now.run,
        gr.update(visible=now.can_stop),
        gr.update(visible=now.can_resume),
        gr.update(visible=now.is_compared),
        now.log,
        now.history,
    )


def _changes(now: Now, seen: Now | None) -> tuple[Any, ...]:
    """Return the same, leaving alone what has not changed: an open list stays open."""
    if seen is None:
        return _shown(now)
    same = (
        (now.choices, now.job) == (seen.choices, seen.job),
        now.run == seen.run,
        now.can_stop == seen.can_stop,
        now.can_resume == seen.can_resume,
        now.is_compared == seen.is_compared,
        now.log == seen.log,
        now.history == seen.history,
    )
    new = _shown(now)
    return tuple(gr.skip() if kept else value for kept, value in zip(same, new, strict=True))
