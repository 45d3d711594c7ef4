"""The tab Train: what it orders, what it refuses, and what it shows. No run is started here."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octtutor.datasets.images import ImageFolder
from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.estimate import ESTIMATE
from octtutor.jobs.queue import Job, Jobs
from octtutor.jobs.state import CUT_OFF, DONE, FAILED, State, write_state
from octtutor.jobs.training_order import TrainingOrder
from octtutor.model.measure.kept_comparison import read_comparison
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.tutor.decks.training_lists import Chosen, TrainingScans
from octtutor.ui.shared.wording import duration
from octtutor.ui.train.curves import curves
from octtutor.ui.train.handlers import TrainHandlers
from octtutor.ui.train.page import build_train_tab
from octtutor.ui.train.plan_handlers import (
    EPOCHS,
    FRESH,
    IN_USE,
    MINUTES,
    PlannedRun,
    TrainForm,
    asked_settings,
)
from octtutor.ui.train.views import audit_view, comparison_view, run_view
from tests.conftest import ROOT, Clock, write_scans
from tests.ui.refusing import count_refusals

FIGURES = {
    "accuracy": 0.9,
    "accuracy_ci": [0.8, 1.0],
    "weighted_error": 0.1,
    "weighted_error_ci": [None, None],
    "n": 20,
    "patients": 10,
    "confusion": [[5, 0, 0, 0], [0, 5, 0, 0], [0, 1, 4, 0], [0, 0, 1, 4]],
}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs", lambda: datetime.now(UTC))


@pytest.fixture
def handlers(tmp_path: Path, clock: Clock, jobs: Jobs) -> TrainHandlers:
    store, images = MemoryStore(), ImageFolder(tmp_path / "images")
    for name, per_class in (("ward", 3), ("first", 1)):
        source = write_scans(tmp_path / name, per_class, (128, 128))
        import_scans(store, images, source, clock, name)
    folders = (tmp_path / "models", ROOT / "models")
    scans = TrainingScans(store, images, tmp_path / "listings")
    return TrainHandlers(scans, jobs, folders, "default", lambda upload, progress: "")


@pytest.fixture
def ward(handlers: TrainHandlers) -> Chosen:
    return handlers.look(["ward"], "")


FORM = TrainForm(name="ward-2")


def done(jobs: Jobs, title: str, **changes) -> Job:
    """A run as its process leaves it, at an hour of its own."""
    job = jobs.draft(TrainingOrder(title, data="x.csv", by="<ada>"))
    facts = {"status": DONE, "queued_at": "2026-01-05T09:00:00+00:00", "outcome": FIGURES}
    write_state(job.folder, State(**(facts | changes)))
    return jobs.get(job.id)


def test_an_order_says_what_was_chosen(handlers: TrainHandlers, ward: Chosen):
    order = handlers.plan.order(
        ward, False, replace(FORM, size=64.0, settings={"batch": 8.0}, number=3), "ada"
    )
    assert (order.title, order.data, order.val) == ("ward-2", str(ward.data), None)
    assert (order.settings, order.size, order.by) == ({"epochs": 3, "batch": 8}, 64, "ada")
    assert order.compare_with == str(ROOT / "models" / "lite0")
    assert order.start is None


def test_the_fields_of_the_page_are_the_settings_of_the_recipes(
    handlers: TrainHandlers, ward: Chosen
):
    given = {"head": "conv-flatten", "mirror": "yes", "hidden": "0", "rate": " ", "choose": "last"}
    settings = [given.get(name, "") for name in asked_settings()]
    form = TrainForm.of(["features", FRESH, EPOCHS, 3, "ward-2", "", "", None, *settings])
    order = handlers.plan.order(ward, False, form, "ada")
    assert order.recipe == "features"
    own = {"head": "conv-flatten", "mirror": True, "hidden": 0, "epochs": 3}
    assert order.settings == own  # `choose` is of another recipe


def test_an_order_from_the_model_in_use_takes_its_backbone(handlers: TrainHandlers, ward: Chosen):
    form = replace(FORM, start=IN_USE, backbone="MobileNetV2")
    order = handlers.plan.order(ward, False, form, "ada")
    assert (order.start, order.backbone) == (str(ROOT / "models" / "lite0"), None)


def test_shared_patients_block_until_the_educator_says_leaky(handlers: TrainHandlers):
    chosen = handlers.look(["ward"], "first")
    assert "share 4 patients and 4 files" in audit_view(chosen)
    with pytest.raises(BadInputError, match="marked leaky"):
        handlers.plan.order(chosen, False, FORM, "ada")
    assert handlers.plan.order(chosen, True, FORM, "ada").leaky


def test_a_tick_without_overlap_marks_nothing(handlers: TrainHandlers, ward: Chosen):
    assert not handlers.plan.order(ward, True, FORM, "ada").leaky


def test_scans_that_cannot_be_split_are_refused(handlers: TrainHandlers):
    chosen = handlers.look(["first"], None)
    assert "Training cannot begin" in audit_view(chosen)
    with pytest.raises(BadInputError, match="of one patient"):
        handlers.plan.order(chosen, True, FORM, "ada")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": ""}, "Expected a model's name"),
        ({"name": "../x"}, "Expected a model's name"),
        ({"number": 0}, "1 or more"),
        ({"number": None}, "1 or more"),
        ({"number": float("nan")}, "1 or more"),
        ({"number": 2.5}, "Expected a whole number"),
        ({"number": "3; rm"}, "1 or more"),
        ({"size": -3}, "1 or more"),
        ({"settings": {"batch": 1.5}}, "Expected a whole number for 'batch'"),
        ({"settings": {"choose": "luck"}}, "Expected 'last'"),
        ({"recipe": "magic"}, "Expected a recipe: finetune, features, article"),
        ({"amount": MINUTES}, "Press Measure the time first"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(
    handlers: TrainHandlers, ward: Chosen, jobs: Jobs, change: dict, why: str
):
    form = replace(FORM, **change)
    with pytest.raises((BadInputError, ModelError), match=why):
        handlers.plan.start(handlers.plan.order(ward, False, form, "ada"), PlannedRun(), form)
    assert jobs.all() == ()


def test_without_looked_at_scans_there_is_no_order(handlers: TrainHandlers):
    with pytest.raises(BadInputError, match="look first"):
        handlers.plan.order(None, False, FORM, "ada")


def test_minutes_are_as_many_epochs_as_fit(handlers: TrainHandlers, ward: Chosen, jobs: Jobs):
    form = replace(FORM, amount=MINUTES, number=2)
    order = handlers.plan.order(ward, False, form, "ada")
    draft = PlannedRun(jobs.draft(order).id, order)
    assert "Measuring" in handlers.plan.estimate(draft, form)
    told = {"scans": 20, "epochs": 12, "seconds_per_epoch": 50.0, "seconds": 610.0}
    (jobs.get(draft.job).folder / ESTIMATE).write_text(json.dumps(told))
    assert "In 2 minutes: 2 epochs of 50 s, 20 scans" in handlers.plan.estimate(draft, form)
    assert "About 61 min" in handlers.plan.estimate(
        draft, replace(form, amount="epochs", number=73)
    )


def test_what_cannot_be_measured_is_said(handlers: TrainHandlers, ward: Chosen, jobs: Jobs):
    order = handlers.plan.order(ward, False, FORM, "ada")
    draft = PlannedRun(jobs.draft(order).id, order)
    (jobs.get(draft.job).folder / ESTIMATE).write_text(json.dumps({"fault": "no such backbone"}))
    assert handlers.plan.estimate(draft, FORM) == "no such backbone"
    (jobs.get(draft.job).folder / ESTIMATE).write_text('{"epochs": 3, "seconds": "10"}')
    assert "estimate.json of" in handlers.plan.estimate(draft, FORM)
    assert "seconds (expected a number, received '10')" in handlers.plan.estimate(draft, FORM)


def test_every_page_turns_to_the_run_that_begins_and_stays_at_what_was_chosen(
    handlers: TrainHandlers, jobs: Jobs
):
    assert handlers.run.now(None, None).job is None
    first, second = done(jobs, "first"), done(jobs, "second")
    seen = handlers.run.now(None, None)
    assert {seen.job, *(job for _, job in seen.choices)} == {first.id, second.id}
    seen = handlers.run.now(first.id, seen)
    assert seen.job == first.id
    assert (seen.can_stop, seen.can_resume) == (False, False)
    assert handlers.run.now(first.id, seen) == seen


@pytest.mark.parametrize("status", [FAILED, CUT_OFF])
def test_a_run_that_broke_says_why_and_can_go_on(handlers: TrainHandlers, jobs: Jobs, status: str):
    job = done(jobs, "broken", status=status, message="<b>No</b> room", outcome={})
    seen = handlers.run.now(job.id, None)
    assert seen.can_resume
    assert "&lt;b&gt;No&lt;/b&gt; room" in seen.run
    assert "&lt;ada&gt;" in seen.run
    text, _, can_publish = handlers.publishing.offer(job.id)
    assert "no model" in text
    assert not can_publish
    with pytest.raises(BadInputError, match="no model"):
        handlers.publishing.publish(job.id, "x")


def compared(verdict: str, leaky: bool = False) -> dict:
    side = {**FIGURES, "overlap_with_training": {"files": 0, "patients": 0}}
    gap = {"value": -0.1, "ci": [-0.2, -0.01], "p": 0.01, "method": "m"}
    return {
        "verdict": verdict,
        "verdict_words": f"new is {verdict} than <old>.",
        "n": 20,
        "patients": 10,
        "first": {**side, "model": "<old>", "leaky": False},
        "second": {**side, "model": "new", "leaky": leaky},
        "accuracy_difference": gap,
        "weighted_error_difference": gap,
        "mcnemar": {
            "both": 1,
            "only_first": 2,
            "only_second": 3,
            "neither": 4,
            "statistic": 0.2,
            "p": 0.5,
            "method": "exact",
        },
        "differing": [],
    }


def test_a_worse_model_is_called_worse_before_it_can_be_published(
    handlers: TrainHandlers, jobs: Jobs
):
    job = done(jobs, "bad")
    (job.folder / "model").mkdir()
    (job.folder / "model" / "card.json").write_text("{}")
    assert "no comparison" in handlers.publishing.comparison(job.id)
    (job.folder / "comparison.json").write_text(json.dumps(compared("worse", leaky=True)))
    view = handlers.publishing.comparison(job.id)
    assert view.index("new is worse than &lt;old&gt;.") < view.index("<table")
    assert "leaky" in view
    text, name, can_publish = handlers.publishing.offer(job.id)
    assert "It is worse than the model" in text
    assert "leaky" in text
    assert (name, can_publish) == ("bad", True)


def test_a_damaged_comparison_is_said_and_the_model_can_be_published(
    handlers: TrainHandlers, jobs: Jobs
):
    job = done(jobs, "torn")
    (job.folder / "model").mkdir()
    (job.folder / "model" / "card.json").write_text("{}")
    (job.folder / "comparison.json").write_text('{"verdict": "worse"}')
    why = "Expected comparison.json in the run"
    assert why in handlers.publishing.comparison(job.id)
    text, _, can_publish = handlers.publishing.offer(job.id)
    assert why in text
    assert can_publish


def test_a_comparison_shows_both_models_figures_and_no_markup_of_their_names(tmp_path: Path):
    (tmp_path / "comparison.json").write_text(json.dumps(compared("better")))
    kept = read_comparison(tmp_path)
    assert kept is not None
    view = comparison_view(kept, [])
    assert "90.0 % (80.0 to 100.0)" in view
    assert "-10.0 (-20.0 to -1.0)" in view
    assert "<old>" not in view
    assert view.count("<caption>") == 2


def test_a_name_that_is_taken_gets_a_number(handlers: TrainHandlers):
    assert handlers.publishing.free_name("lite0") == "lite0-2"
    assert handlers.publishing.free_name("ward") == "ward"


def test_the_model_in_use_is_said_and_what_rolling_back_would_bring(handlers: TrainHandlers):
    text, can_go_back = handlers.publishing.in_use()
    assert "In use now: lite0." in text
    assert "no earlier model" in text
    assert not can_go_back


def test_curves_are_said_in_words_and_do_without_measures_that_are_missing():
    assert curves([], 3) == ""
    drawn = curves([{"epoch": 1, "loss": 0.5, "accuracy": 0.75, "val_loss": float("nan")}], 3)
    assert "Loss: training 0.500" in drawn
    assert "Accuracy: training 75.0 %" in drawn
    assert "nan,nan" not in drawn


def test_no_run_yet_says_where_to_begin():
    assert "Begin with 1 Data" in run_view(None, [], None)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0.4 s"), (60, "60 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_a_time_is_told_in_the_unit_that_suits_it(seconds: float, told: str):
    assert duration(seconds) == told


def test_every_handler_asks_first_who_is_asking(handlers: TrainHandlers, jobs: Jobs):
    assert count_refusals(build_train_tab, handlers) >= 15
    assert jobs.all() == ()
