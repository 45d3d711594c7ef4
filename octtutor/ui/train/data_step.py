"""Step 1 of the tab Train, Data: decks, a test deck, an upload, the audit."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from octtutor.core.educator import Educator
from octtutor.tutor.decks.training_lists import Chosen
from octtutor.ui.shared.texts import SCANS
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.train_steps import QUIET, TrainContext
from octtutor.ui.train.views import audit_view

KINDS = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"]
_BAR = gr.Progress()


class DataStep:
    """1 Data: decks, a test deck, an upload, the audit."""

    def __init__(self, context: TrainContext) -> None:
        """Lay out the step; must be called inside the `gr.Tabs` of the steps."""
        self._context, self._do = context, context.handlers
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

    def see_decks(self, request: gr.Request) -> Any:
        """Offer the decks as they are now: annotations may have become one."""
        return tuple(self._context.for_educator(request, lambda educator: self.deck_choices()))

    def deck_choices(self) -> tuple[Any, Any]:
        """Update what may be chosen; what is chosen stays, also what was just now."""
        decks = self._do.decks()
        info = TRAIN["decks_hint"] if decks else TRAIN["no_decks"]
        return (
            gr.update(choices=decks, info=info),
            gr.update(choices=[(TRAIN["no_test"], ""), *decks]),
        )

    def connect(self) -> None:
        """Connect 1 Data."""

        def add(
            upload: Any, decks: list[str], request: gr.Request, bar: gr.Progress = _BAR
        ) -> tuple[Any, ...]:
            def use(educator: Educator) -> tuple[Any, ...]:
                before = {name for _, name in self._do.decks()}
                report = self._do.add(upload, _follow(bar, SCANS["importing"]))
                new = [name for _, name in self._do.decks() if name not in before]
                choices, tests = self.deck_choices()
                return report, {**choices, "value": [*(decks or []), *new]}, tests, None

            return tuple(self._context.for_educator(request, use))

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

            return tuple(self._context.for_educator(request, use))

        def forget(request: gr.Request) -> tuple[Any, ...]:
            self._context.for_educator(request, lambda educator: None)
            hidden = gr.update(visible=False)
            return None, "", gr.update(visible=False, value=False), hidden

        def allow(leaky: bool, chosen: Chosen | None, request: gr.Request) -> Any:
            self._context.for_educator(request, lambda educator: None)
            return gr.update(visible=chosen is not None and bool(leaky or not chosen.shared))

        # not preprocessed: Gradio would fetch a path that is a web address
        self.add.click(
            add,
            [self.upload, self.decks],
            [self.added, self.decks, self.test, self.upload],
            preprocess=False,
            show_progress_on=self.added,
            concurrency_id="import",
            concurrency_limit=1,
            api_visibility="private",
        )
        found = [self._context.chosen, self.audit, self.leaky, self.go]
        self.look.click(
            look,
            [self.decks, self.test],
            found,
            show_progress_on=self.audit,
            api_visibility="private",
        )
        gr.on([self.decks.input, self.test.input], forget, None, found, **QUIET)
        self.leaky.input(allow, [self.leaky, self._context.chosen], self.go, **QUIET)
        self.go.click(self._context.go_to("plan"), None, self._context.steps, **QUIET)


def _follow(bar: gr.Progress, what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        if done % (total // 100 + 1) == 0 or done == total:
            bar((done, total), desc=what, unit="scans")

    return show
