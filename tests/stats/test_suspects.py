"""Confident learning: worked by hand, and what its authors prove of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.stats.suspects import (
    NOBODY,
    Prune,
    class_thresholds,
    confident_classes,
    confident_joint,
    find_suspects,
    joint_distribution,
    normalised_margin,
    other_class,
    rank_suspects,
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


def test_a_threshold_is_the_mean_self_confidence_of_its_label():
    assert class_thresholds(LABELS, CHANCES) == pytest.approx([0.5875, 0.6])


def test_a_scan_below_every_threshold_is_confidently_of_no_class():
    expected = [0, 0, 1, NOBODY, 1, 1, 0, 1]
    assert confident_classes(LABELS, CHANCES).tolist() == expected


def test_the_confident_joint_counts_labels_against_confident_classes():
    assert confident_joint(LABELS, CHANCES).tolist() == [[2, 1], [1, 3]]


def test_the_joint_gives_the_uncounted_to_the_classes_of_their_label():
    joint = joint_distribution(confident_joint(LABELS, CHANCES), np.array([4, 4]))
    assert joint == pytest.approx(np.array([[8 / 3, 4 / 3], [1, 3]]) / 8)
    assert joint.sum() == pytest.approx(1)


@pytest.mark.parametrize("prune", list(Prune))
def test_every_way_of_pruning_finds_the_two_wrong_labels(prune):
    assert (find_suspects(LABELS, CHANCES, prune) == WRONG).all()


def test_the_most_contradicted_label_comes_first():
    order = rank_suspects(WRONG, normalised_margin(LABELS, CHANCES))
    assert order[:5].tolist() == [2, 6, 3, 7, 5]
    assert order[7] == 0
    assert normalised_margin(LABELS, CHANCES)[[2, 6]] == pytest.approx([-0.8, -0.4])


def test_suspects_come_first_even_where_others_are_less_confident():
    order = rank_suspects(np.arange(8) == 0, self_confidence(LABELS, CHANCES))
    assert order[0] == 0


def test_a_scan_over_two_thresholds_counts_to_the_more_probable_class():
    labels = np.array([0, 1, 2, 0])
    chances = np.array([[0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.1, 0.0, 0.9], [0.35, 0.65, 0.0]])
    # thresholds 0.325, 0.4, 0.9: the last is over the first two
    assert confident_classes(labels, chances)[3] == 1


def test_by_class_takes_the_least_confident_and_by_noise_rate_the_largest_margin():
    labels = np.array([0] * 6)
    chances = np.array([[0.9, 0.05, 0.05]] * 3 + [[0.2, 0.8, 0], [0.3, 0, 0.7], [0.1, 0.45, 0.45]])
    labels = np.concatenate([labels, [1, 1, 2, 2]])
    chances = np.concatenate([chances, [[0, 0.8, 0.2]] * 2, [[0, 0.3, 0.7]] * 2])
    # thresholds 0.55, 0.8, 0.7: of label 0 one is confidently 1, one is 2, one is nobody's
    assert confident_joint(labels, chances).tolist() == [[3, 1, 1], [0, 2, 0], [0, 0, 2]]
    by_class = np.flatnonzero(find_suspects(labels, chances, Prune.BY_CLASS))
    by_rate = np.flatnonzero(find_suspects(labels, chances, Prune.BY_NOISE_RATE))
    assert by_class.tolist() == [3, 5]  # 6 · 2/5 = 2.4 of the lowest self-confidence
    assert by_rate.tolist() == [3, 4]  # 1.2 and 1.2 of the largest margin
    assert np.flatnonzero(find_suspects(labels, chances, Prune.BOTH)).tolist() == [3]


@pytest.mark.parametrize("prune", list(Prune))
def test_ideal_probabilities_find_exactly_the_wrong_labels(prune):
    """Theorem 1: where the diagonal leads its row and column, the errors are found exactly."""
    labels, truth, chances = ideal()
    assert (find_suspects(labels, chances, prune) == (labels != truth)).all()


def test_ideal_probabilities_give_the_joint_distribution_itself():
    labels, _, chances = ideal()
    joint = joint_distribution(confident_joint(labels, chances), np.bincount(labels))
    assert joint == pytest.approx(NOISE.T / 4)


@given(
    st.lists(st.floats(0.2, 3), min_size=4, max_size=4),
    st.lists(st.floats(-0.5, 0.5), min_size=4, max_size=4),
)
def test_a_model_that_is_too_sure_of_one_class_still_finds_them(factors, shifts):
    """Corollary 1.1: each class's probabilities may be scaled and shifted (no collisions here)."""
    labels, truth, chances = ideal(10)
    biased = chances * factors + shifts
    found = find_suspects(labels, biased, Prune.CONFIDENT)
    assert (found == (labels != truth)).all()


@given(st.integers(0, 10_000), st.sampled_from(list(Prune)))
def test_a_set_that_the_model_agrees_with_has_no_suspects(seed, prune):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, 56)])
    sure = rng.uniform(0.7, 1, 60)[:, None]
    own = np.eye(4)[labels]
    chances = sure * own + (1 - sure) * (1 - own) / 3
    assert not find_suspects(labels, chances, prune).any()


@given(st.integers(0, 10_000))
def test_the_joint_keeps_the_labels_shares_and_both_is_the_overlap(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 50)
    chances = rng.dirichlet(np.ones(4), 50)
    counts = np.bincount(labels, minlength=4)
    joint = joint_distribution(confident_joint(labels, chances), counts)
    assert joint.sum(axis=1) == pytest.approx(counts / 50)
    both = find_suspects(labels, chances, Prune.BOTH)
    by_class = find_suspects(labels, chances, Prune.BY_CLASS)
    assert (both == (by_class & find_suspects(labels, chances, Prune.BY_NOISE_RATE))).all()
    assert sorted(rank_suspects(both, chances[:, 0])) == list(range(50))


def test_a_class_that_is_nobodys_label_is_nobodys_truth():
    labels = np.array([0, 0, 1, 1])
    chances = np.array([[0.6, 0.2, 0.2], [0.1, 0.0, 0.9], [0.1, 0.7, 0.2], [0.2, 0.8, 0.0]])
    assert class_thresholds(labels, chances)[2] == np.inf
    assert confident_joint(labels, chances)[:, 2].tolist() == [0, 0, 0]


def test_the_other_class_is_never_the_label():
    assert other_class(LABELS, CHANCES).tolist() == (1 - LABELS).tolist()
    assert self_confidence(LABELS, CHANCES)[2] == 0.1
