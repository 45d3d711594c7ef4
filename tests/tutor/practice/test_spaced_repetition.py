"""What is due, from whole histories."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from fsrs import Rating
from hypothesis import given
from hypothesis import strategies as st

from octtutor.core.answer import Answer
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.schedule import ConfusedPair, confusion_pairs
from octtutor.tutor.practice.spaced_repetition import due, focus_of, reviews, seconds_a_scan

CNV, DME, DRUSEN, NORMAL = LABELS
MONDAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)
Step = tuple[Diagnosis, Diagnosis | None]


def sitting(
    name: str, start: datetime, *steps: Step, seconds: float = 25.0, gap: float = 40.0
) -> list[Answer]:
    return [
        Answer(
            attempt_id=name,
            position=place,
            trainee_id="t",
            sha256=f"{name}-{place}",
            truth=truth,
            choice=choice,
            confidence=3,
            response_ms=round(1000 * seconds),
            answered_at=start + timedelta(seconds=gap * (place + 1)),
            deck="d",
            quiz="q",
            quiz_version="1",
        )
        for place, (truth, choice) in enumerate(steps)
    ]


def due_days(history: list[Answer], category: object) -> int:
    card = next(card for card in due(history, MONDAY).cards if card.category == category)
    return (card.due_at - card.reviewed_at).days


def test_who_has_answered_nothing_has_nothing_due():
    nothing = due([], MONDAY)
    assert (nothing.cards, nothing.now, nothing.scans, nothing.minutes) == ((), (), 0, 0)
    assert nothing.next_at is None
    assert focus_of(nothing) == frozenset()


def test_a_card_is_dealt_for_each_class_answered_and_each_pair_confused():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3, *[(DME, NORMAL)] * 3, (NORMAL, NORMAL))
    cards = due(history, MONDAY).cards
    assert {card.category for card in cards} == {CNV, DME, ConfusedPair(DME, NORMAL)}


def test_one_lucky_answer_is_no_review_and_waits_for_two_more():
    # issue 19: one answer in 6 s was Easy, due in 8 days, then 66, 397, 1,875
    history = sitting("a", MONDAY, (CNV, CNV), seconds=6.0)
    assert due(history, MONDAY).cards == ()
    history += sitting("b", MONDAY + DAY, (CNV, CNV), (CNV, DME), seconds=6.0)
    (review,) = reviews(history)[CNV]
    assert review.rating is Rating.Hard
    assert review.at == history[-1].answered_at


def test_six_quizzes_in_a_day_are_one_review():
    # issue 19: they gave 60 days
    history = [
        answer
        for n in range(6)
        for answer in sitting(str(n), MONDAY + n * DAY / 24, *[(CNV, CNV)] * 3)
    ]
    assert len(reviews(history)[CNV]) == 1
    assert due_days(history, CNV) == 2


def test_no_interval_is_longer_than_ninety_days():
    history: list[Answer] = []
    at = MONDAY
    for n in range(12):
        history += sitting(str(n), at, *[(CNV, CNV)] * 10, seconds=2.0)
        at += 100 * DAY
    assert due_days(history, CNV) == 90


@pytest.mark.parametrize(
    ("steps", "seconds", "rating"),
    [
        ([(CNV, CNV)] * 10, 20.0, Rating.Easy),
        ([(CNV, CNV)] * 10, 20.1, Rating.Good),
        ([(CNV, CNV)] * 9, 5.0, Rating.Good),
        ([(CNV, CNV)] * 9 + [(CNV, DME)], 5.0, Rating.Good),
        ([(CNV, CNV)] * 3, 5.0, Rating.Good),
        ([(CNV, CNV), (CNV, CNV), (CNV, DME)], 5.0, Rating.Hard),
        # of 10 Wilson's 80 % interval of 6 ends at 0.77, of 40 that of 24 at 0.69
        ([(CNV, CNV)] * 6 + [(CNV, DME)] * 4, 5.0, Rating.Hard),
        ([(CNV, CNV)] * 24 + [(CNV, DME)] * 16, 5.0, Rating.Again),
        ([(CNV, CNV), (CNV, None), (CNV, DME)], 5.0, Rating.Again),
    ],
)
def test_a_day_is_rated_by_its_share_of_right_answers_and_how_sure_that_is(steps, seconds, rating):
    history = sitting("a", MONDAY, *steps, seconds=seconds)
    (review,) = reviews(history)[CNV]
    assert review.rating is rating
    assert review.at == history[-1].answered_at


def test_of_a_pair_speak_only_the_answers_between_its_classes():
    history = sitting("a", MONDAY, (CNV, DME), (CNV, CNV), (CNV, CNV), (CNV, DRUSEN), (DME, None))
    (review,) = reviews(history)[ConfusedPair(CNV, DME)]
    assert review.rating is Rating.Hard
    assert review.at == history[2].answered_at


def test_a_pair_has_no_review_before_the_sitting_that_confused_it():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3, *[(DME, DME)] * 3)
    history += sitting("b", MONDAY + DAY, *[(CNV, DME)] * 3)
    history += sitting("c", MONDAY + 2 * DAY, *[(DME, DME)] * 3)
    ratings = [review.rating for review in reviews(history)[ConfusedPair(CNV, DME)]]
    assert ratings == [Rating.Again, Rating.Good]


def test_the_first_interval_is_that_of_fsrs_in_days():
    # the initial stabilities of FSRS-6 are 0.212, 1.2931, 2.3065 and 8.2956 days
    wrong, right = [(CNV, DME)] * 3, [(CNV, CNV)] * 3
    assert due_days(sitting("a", MONDAY, *wrong), CNV) == 1
    assert due_days(sitting("a", MONDAY, *right), CNV) == 2
    assert due_days(sitting("a", MONDAY, *[(CNV, CNV)] * 10, seconds=5.0), CNV) == 8
    assert due_days(sitting("a", MONDAY, *right, *wrong[:2]), CNV) == 1


def test_the_interval_grows_with_rightly_read_days_and_shrinks_after_errors():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3)
    first = due_days(history, CNV)
    history += sitting("b", MONDAY + 2 * DAY, *[(CNV, CNV)] * 3)
    second = due_days(history, CNV)
    history += sitting("c", MONDAY + 10 * DAY, *[(CNV, DME)] * 3)
    assert first < second
    assert due_days(history, CNV) < second


def test_who_comes_early_gains_less_than_who_comes_when_due_or_late():
    def after(days: float) -> int:
        later = sitting("b", MONDAY + days * DAY, *[(CNV, CNV)] * 3)
        return due_days(sitting("a", MONDAY, *[(CNV, CNV)] * 3) + later, CNV)

    assert after(1) < after(2) < after(20)


def test_what_is_due_counts_three_scans_a_card_and_half_a_minute_each():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3, *[(DME, DME)] * 3, *[(NORMAL, DRUSEN)] * 3)
    before = due(history, MONDAY + DAY)
    assert (before.now, before.scans, before.minutes) == ((), 0, 0)
    assert before.next_at == history[-1].answered_at + DAY
    later = due(history, MONDAY + 3 * DAY)
    assert {card.category for card in later.now} == {CNV, DME, NORMAL, ConfusedPair(DRUSEN, NORMAL)}
    assert later.scans == 12
    assert later.next_at is None


def test_the_classes_to_practise_are_those_due_and_both_of_a_pair():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3, *[(NORMAL, DRUSEN)] * 3)
    assert focus_of(due(history, MONDAY + 1.5 * DAY)) == {DRUSEN, NORMAL}
    assert focus_of(due(history, MONDAY + 3 * DAY)) == {CNV, DRUSEN, NORMAL}


def test_a_card_is_due_at_its_very_time():
    history = sitting("a", MONDAY, *[(CNV, CNV)] * 3)
    when = due(history, MONDAY).cards[0].due_at
    assert due(history, when).now
    assert not due(history, when - timedelta(microseconds=1)).now


def test_minutes_follow_the_trainees_own_pace_within_attempts():
    few = sitting("a", MONDAY, *[(CNV, CNV)] * 5, gap=90.0)
    assert seconds_a_scan(few) == 30.0
    enough = few + sitting("b", MONDAY + DAY, *[(CNV, CNV)] * 2, gap=90.0)
    assert seconds_a_scan(enough) == 90.0
    assert due(enough, MONDAY + 365 * DAY).minutes == 5


def test_times_of_other_zones_become_utc():
    tokyo = MONDAY.astimezone(timezone(timedelta(hours=9)))
    there = due(sitting("a", tokyo, *[(CNV, CNV)] * 3), MONDAY)
    assert there == due(sitting("a", MONDAY, *[(CNV, CNV)] * 3), MONDAY)
    assert there.cards[0].due_at.tzinfo is UTC


steps = st.lists(
    st.tuples(st.sampled_from(LABELS), st.none() | st.sampled_from(LABELS)), min_size=1, max_size=8
)


@given(st.lists(steps, max_size=8), st.floats(0, 60))
def test_every_category_has_one_card_that_is_due_now_or_later(sittings, days):
    history = [
        answer
        for number, each in enumerate(sittings)
        for answer in sitting(str(number), MONDAY + number * DAY, *each)
    ]
    now = MONDAY + days * DAY
    found = due(history, now)
    categories = [str(card.category) for card in found.cards]
    assert len(set(categories)) == len(categories)
    told = {label: sum(answer.truth == label for answer in history) for label in LABELS}
    assert {label for label in LABELS if label in categories} == {
        label for label, n in told.items() if n >= 3
    }
    assert set(categories) <= {*map(str, LABELS), *map(str, confusion_pairs(history))}
    assert all(card.due_at >= card.reviewed_at + DAY for card in found.cards)
    assert found.scans == 3 * len(found.now)
    assert found == due(history, now)
