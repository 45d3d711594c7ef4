"""What is read from a job's folder: orders and states, whole or refused in one line."""

import json
from pathlib import Path

import pytest

from octtutor.errors import BadInputError
from octtutor.jobs.evaluating import EvaluationOrder
from octtutor.jobs.planning import to_plan
from octtutor.jobs.state import CUT_OFF, STATE, State, read_state, write_state
from octtutor.jobs.training_order import ORDER, TrainingOrder, read_order, write_order
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.model.training.recipes.finetune import Finetune
from octtutor.settings import Settings

OF_0_1 = {
    "title": "ward-1",
    "data": "ward.csv",
    "val": None,
    "hold_out": None,
    "leaky": False,
    "recipe": "finetune",
    "backbone": None,
    "backbone_weights": None,
    "size": 64,
    "start": None,
    "head": "gap-dense",
    "epochs": 3,
    "batch": None,
    "choose": "weighted_error",
    "patience": None,
    "folds": 0,
    "seed": 7,
    "compare_with": "lite0",
    "by": "ada",
    "notes": ["from the ward"],
}
"""`order.json` as version 0.1 wrote it, whatever the recipe."""


def test_an_order_of_the_first_version_opens(tmp_path: Path):
    (tmp_path / ORDER).write_text(json.dumps(OF_0_1))
    order = read_order(tmp_path)
    assert order.settings == {"epochs": 3, "choose": "weighted_error", "seed": 7}
    assert (order.title, order.notes, order.size) == ("ward-1", ("from the ward",), 64)
    plan = to_plan(order, Settings.from_env({}))
    assert plan.recipe == Finetune(epochs=3, choose="weighted_error", seed=7)
    write_order(tmp_path, order)
    written = json.loads((tmp_path / ORDER).read_text())
    assert written.keys() >= OF_0_1.keys()
    assert read_order(tmp_path) == order


def test_the_head_of_an_order_of_the_first_version_is_kept_where_there_is_one(tmp_path: Path):
    facts = {**OF_0_1, "recipe": "features", "head": "conv-flatten", "choose": None}
    (tmp_path / ORDER).write_text(json.dumps(facts))
    plan = to_plan(read_order(tmp_path), Settings.from_env({}))
    assert plan.recipe == HeadRecipe(epochs=3, seed=7, kind="conv-flatten")


def test_an_order_for_an_unknown_recipe_is_listed_and_refused_when_it_is_to_run(tmp_path: Path):
    (tmp_path / ORDER).write_text(json.dumps({**OF_0_1, "recipe": "magic"}))
    order = read_order(tmp_path)
    assert order.title == "ward-1"
    with pytest.raises(
        BadInputError, match=r"recipe: finetune, features, article\. Received 'magic'"
    ):
        to_plan(order, Settings.from_env({}))


def test_a_setting_that_the_recipe_does_not_have_is_refused():
    order = TrainingOrder("x", "y", recipe="article", settings={"choose": "last"})
    with pytest.raises(BadInputError, match=r"settings of recipe 'article': .*Received choose"):
        to_plan(order, Settings.from_env({}))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b'"word"', b"\xff", b"[" * 100_000, b'{"title": ["x"]}',
     b'{"title": "x", "data": "y", "folds": -1}', b'{"title": "x", "data": {"deep": {}}}'],
)  # fmt: skip
def test_a_damaged_order_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / ORDER).write_bytes(content)
    with pytest.raises(
        BadInputError, match=r"Expected order\.json in the job .*Start the job"
    ) as e:
        read_order(tmp_path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b'"word"', b'{"status": "flying"}', b'{"epoch": [1]}',
     b'{"history": "none"}', b'{"gauges": {"cpu": "all"}}'],
)  # fmt: skip
def test_a_damaged_state_is_a_run_that_was_cut_off(tmp_path: Path, content: bytes):
    (tmp_path / STATE).write_bytes(content)
    state = read_state(tmp_path)
    assert state.status == CUT_OFF
    assert "cannot be read" in state.message
    assert "\n" not in state.message


def test_a_state_is_read_as_it_was_written(tmp_path: Path):
    state = State(history=({"epoch": 1, "loss": 0.5, "val_loss": 1.0},), gauges={"cpu": 0.5})
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert isinstance(read_state(tmp_path).history[0]["epoch"], int)


def test_a_diverged_run_is_still_told(tmp_path: Path):
    write_state(tmp_path, State(loss=float("nan"), history=({"epoch": 1, "loss": float("inf")},)))
    state = read_state(tmp_path)
    assert state.loss != state.loss
    assert state.history[0]["loss"] == float("inf")


def test_an_evaluation_is_ordered_by_keyword_or_in_order():
    assert EvaluationOrder("ward", "m", "d") == EvaluationOrder(title="ward", model="m", data="d")


def test_equal_orders_are_one_and_the_same_to_the_page():
    first, second = (TrainingOrder("x", "y", settings={"epochs": 3}) for _ in range(2))
    assert {first, second} == {second}
    assert first != first.with_settings(epochs=4)
