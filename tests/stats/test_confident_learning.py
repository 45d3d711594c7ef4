"""Label issues by confident learning: worked by hand, and what its authors prove of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.stats.confident_learning import (
    Prune,
    estimate_joint,
    mark_label_issues,
    normalised_margin,
    other_class,
    rank_label_issues,
    self_confidence,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
FIRST = np.array([0.9, 0.8, 0.1, 0.55, 0.2, 0.3, 0.7, 0.4])
CHANCES = np.column_stack([FIRST, 1 - FIRST])
WRONG = np.array([0, 0, 1, 0, 0, 0, 1, 0], bool)
NOISE = np.array(
    [[0.8, 0.1, 0.1, 0.0], [0.0, 0.9, 0.0, 0.1], [0.2, 0.0, 0.7, 0.1], [0, 0, 0.1, 0.9]]
)
"""Rows the true class, columns the given label; the diagonal leads its row and its column."""


def ideal(each: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, true classes and the probabilities of a model that knows the noise."""
    truth = np.repeat(np.arange(4), each)
    labels = np.concatenate(
        [np.repeat(np.arange(4), np.rint(each * row).astype(int)) for row in NOISE]
    )
    return labels, truth, NOISE[truth]


def test_the_joint_gives_the_uncounted_to_the_classes_of_their_label_in_whole_scans():
    # thresholds 0.5875 and 0.6: the fourth is of no class; 2 : 1 and 1 : 3 of four each
    assert estimate_joint(LABELS, CHANCES) == pytest.approx(np.array([[3, 1], [1, 3]]) / 8)


@pytest.mark.parametrize("prune", list(Prune))
def test_every_way_of_pruning_finds_the_two_wrong_labels(prune):
    assert (mark_label_issues(LABELS, CHANCES, prune) == WRONG).all()


def test_the_most_contradicted_label_comes_first():
    order = rank_label_issues(WRONG, normalised_margin(LABELS, CHANCES))
    assert order[:5].tolist() == [2, 6, 3, 7, 5]
    assert order[7] == 0
    assert normalised_margin(LABELS, CHANCES)[[2, 6]] == pytest.approx([-0.8, -0.4])


def test_suspects_come_first_even_where_others_are_less_confident():
    order = rank_label_issues(np.arange(8) == 0, self_confidence(LABELS, CHANCES))
    assert order[0] == 0


def test_a_scan_over_two_thresholds_counts_to_the_more_probable_class():
    labels = np.array([0, 1, 2, 0])
    chances = np.array([[0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.1, 0.0, 0.9], [0.35, 0.65, 0.0]])
    # thresholds 0.325, 0.4, 0.9: the last is over the first two
    assert mark_label_issues(labels, chances, Prune.CONFIDENT).tolist() == [
        False,
        False,
        False,
        True,
    ]


def test_by_class_takes_the_least_confident_and_by_noise_rate_the_largest_margin():
    labels = np.array([0] * 6)
    chances = np.array([[0.9, 0.05, 0.05]] * 3 + [[0.2, 0.8, 0], [0.3, 0, 0.7], [0.1, 0.45, 0.45]])
    labels = np.concatenate([labels, [1, 1, 2, 2]])
    chances = np.concatenate([chances, [[0, 0.8, 0.2]] * 2, [[0, 0.3, 0.7]] * 2])
    # thresholds 0.55, 0.8, 0.7: of label 0 one is confidently 1, one is 2, one is nobody's
    by_class = np.flatnonzero(mark_label_issues(labels, chances, Prune.BY_CLASS))
    by_rate = np.flatnonzero(mark_label_issues(labels, chances, Prune.BY_NOISE_RATE))
    assert by_class.tolist() == [3, 5]  # 6 · 2/5 = 2.4 of the lowest self-confidence
    assert by_rate.tolist() == [3, 4]  # 1.2 and 1.2 of the largest margin
    assert np.flatnonzero(mark_label_issues(labels, chances, Prune.BOTH)).tolist() == [3]


@pytest.mark.parametrize("prune", list(Prune))
def test_ideal_probabilities_find_exactly_the_wrong_labels(prune):
    """Theorem 1: where the diagonal leads its row and column, the errors are found exactly."""
    labels, truth, chances = ideal()
    assert (mark_label_issues(labels, chances, prune) == (labels != truth)).all()


def test_ideal_probabilities_give_the_joint_distribution_itself():
    labels, _, chances = ideal()
    assert estimate_joint(labels, chances) == pytest.approx(NOISE.T / 4)


@given(
    st.lists(st.floats(0.5, 1), min_size=4, max_size=4),
    st.lists(st.floats(0, 0.1), min_size=4, max_size=4),
)
def test_a_model_that_is_too_sure_of_one_class_still_finds_them(factors, shifts):
    """Corollary 1.1: each class's probabilities may be scaled and shifted, within 0 to 1.

    Here no further: a label that becomes the first answer would be named no more.
    """
    labels, truth, chances = ideal(10)
    biased = chances * factors + shifts
    found = mark_label_issues(labels, biased, Prune.CONFIDENT)
    assert (found == (labels != truth)).all()


@given(st.integers(0, 10_000), st.sampled_from(list(Prune)))
def test_a_set_that_the_model_agrees_with_has_no_suspects(seed, prune):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, 56)])
    sure = rng.uniform(0.7, 1, 60)[:, None]
    own = np.eye(4)[labels]
    chances = sure * own + (1 - sure) * (1 - own) / 3
    assert not mark_label_issues(labels, chances, prune).any()


@given(st.integers(0, 10_000))
def test_the_joint_keeps_the_labels_shares_and_both_is_the_overlap(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 50)
    chances = rng.dirichlet(np.ones(4), 50)
    counts = np.bincount(labels, minlength=4)
    joint = estimate_joint(labels, chances)
    assert joint.sum(axis=1) == pytest.approx(counts / 50)
    both = mark_label_issues(labels, chances, Prune.BOTH)
    by_class = mark_label_issues(labels, chances, Prune.BY_CLASS)
    assert (both == (by_class & mark_label_issues(labels, chances, Prune.BY_NOISE_RATE))).all()
    assert sorted(rank_label_issues(both, chances[:, 0])) == list(range(50))


@pytest.mark.parametrize("prune", list(Prune))
def test_a_class_that_is_nobodys_label_is_nobodys_truth(prune):
    labels = np.array([0, 0, 1, 1])
    chances = np.array([[0.6, 0.2, 0.2], [0.1, 0.0, 0.9], [0.1, 0.7, 0.2], [0.2, 0.8, 0.0]])
    joint = estimate_joint(labels, chances)
    assert joint[:, 2].tolist() == joint[2].tolist() == [0, 0, 0]
    assert mark_label_issues(labels, chances, prune).shape == (4,)


@pytest.mark.parametrize("prune", list(Prune))
def test_a_label_that_is_the_first_answer_is_never_named(prune):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 200)
    chances = rng.dirichlet(np.ones(4), 200)
    found = mark_label_issues(labels, chances, prune)
    assert found.any()
    assert (normalised_margin(labels, chances)[found] < 0).all()


@pytest.mark.parametrize("prune", list(Prune))
def test_a_label_of_a_single_scan_and_a_set_of_one_label_are_no_error(prune):
    one_alone = np.array([0, 0, 0, 1])
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.2, 0.8]])
    assert not mark_label_issues(one_alone, chances, prune).any()
    assert not mark_label_issues(np.zeros(4, np.int64), chances, prune).any()


def test_the_other_class_is_never_the_label():
    assert other_class(LABELS, CHANCES).tolist() == (1 - LABELS).tolist()
    assert self_confidence(LABELS, CHANCES)[2] == 0.1
