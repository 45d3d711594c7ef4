"""What a network doubts most comes first, and chance has its share."""

import math
from random import Random

import pytest

from octtutor.core.active import entropy, least_confidence, margin, pick

SURE = (1.0, 0.0, 0.0, 0.0)
LOST = (0.25, 0.25, 0.25, 0.25)
TORN = (0.5, 0.5, 0.0, 0.0)


def test_a_sure_network_has_no_doubt_and_a_lost_one_the_most():
    assert entropy(SURE) == 0
    assert entropy(LOST) == pytest.approx(math.log(4))
    assert margin(SURE) == 1
    assert margin(LOST) == 0
    assert least_confidence(SURE) == 0
    assert least_confidence(LOST) == 0.75


def test_a_network_that_is_torn_between_two_has_no_margin_but_half_the_entropy():
    assert margin(TORN) == margin(LOST) == 0
    assert entropy(TORN) == pytest.approx(math.log(2))


def test_entropy_and_margin_need_not_order_alike():
    two, many = (0.48, 0.46, 0.03, 0.03), (0.5, 0.2, 0.15, 0.15)
    assert margin(two) < margin(many)
    assert entropy(two) < entropy(many)


def test_the_most_doubted_come_first_and_the_rest_of_the_batch_is_random():
    doubts = [float(index) for index in range(100)]
    assert pick(doubts, 4, 0.0, Random(1)) == [99, 98, 97, 96]
    mixed = pick(doubts, 8, 0.25, Random(1))
    assert mixed[:6] == [99, 98, 97, 96, 95, 94]
    assert len(set(mixed)) == 8
    assert mixed[6:] != [93, 92]


def test_a_wholly_random_pick_takes_every_scan_alike():
    doubts = [0.0] * 9 + [1.0]
    rng = Random(3)
    times = sum(9 in pick(doubts, 2, 1.0, rng) for _ in range(2000))
    assert 320 < times < 480  # a fifth of 2000


def test_no_more_are_picked_than_there_are_and_equals_are_drawn():
    assert sorted(pick([0.5, 0.5], 5, 0.5, Random(1))) == [0, 1]
    firsts = {pick([0.5, 0.5, 0.5], 1, 0.0, Random(seed))[0] for seed in range(20)}
    assert firsts == {0, 1, 2}
