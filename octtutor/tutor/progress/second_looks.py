"""What seeing the model's answer did to a trainee's answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from octtutor.core.answer import Answered
from octtutor.stats.intervals import Figure, wilson


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """What seeing the model's answer did to the trainee's. "Wrong" is everything but the truth.

    The shares have Wilson's 95 % interval.
    """

    n: int
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_other_wrong: int
    before: Figure
    """Right before the model's answer was seen."""
    after: Figure
    agreed_with_right: Figure
    """Of the looks at a right model: ended on its answer."""
    agreed_with_wrong: Figure
    """Of the looks at a wrong model: ended on its answer."""
    gave_up: Figure
    """Of the right answers beside a wrong model: were given up."""
    followed: Figure
    """Of the wrong answers beside a wrong model that said something else: took what it said."""
    kept_wrong: Figure
    """Of the wrong answers beside a right model: did not become right."""
    beside_other_words: int = 0
    """Looks at a model that answers in another scheme's words: neither right nor wrong, so that
    nothing else here counts them."""


def second_looks(answers: Iterable[Answered]) -> SecondLooks:
    """Count what second looks changed; an answer without one, or without a model's, is left out."""
    items = list(answers)
    looks = [look for item in items if (look := _look(item))]
    beside_right = [look for look in looks if look.model_right]
    beside_wrong = [look for look in looks if not look.model_right]
    could_follow = [look for look in beside_wrong if not look.right and not look.agreed_before]
    return SecondLooks(
        n=len(looks),
        right_to_wrong=sum(look.right and not look.right_after for look in looks),
        wrong_to_right=sum(not look.right and look.right_after for look in looks),
        wrong_to_other_wrong=sum(look.stayed_wrong and look.switched for look in looks),
        before=_share(look.right for look in looks),
        after=_share(look.right_after for look in looks),
        agreed_with_right=_share(look.agrees for look in beside_right),
        agreed_with_wrong=_share(look.agrees for look in beside_wrong),
        gave_up=_share(not look.right_after for look in beside_wrong if look.right),
        followed=_share(look.agrees for look in could_follow),
        kept_wrong=_share(not look.right_after for look in beside_right if not look.right),
        beside_other_words=sum(
            item.looked is not None and item.comparable is None and not item.answer.timed_out
            for item in items
        ),
    )


@dataclass(frozen=True, slots=True)
class _LookedAt:
    right: bool
    right_after: bool
    switched: bool
    agreed_before: bool
    agrees: bool
    model_right: bool

    @property
    def stayed_wrong(self) -> bool:
        return not self.right and not self.right_after


def _look(item: Answered) -> _LookedAt | None:
    if item.second is None or item.comparable is None or item.answer.timed_out:
        return None
    first, truth, model = item.answer.choice, item.answer.truth, item.comparable.label
    return _LookedAt(
        right=item.answer.is_right,
        right_after=item.final == truth,
        switched=item.final != first,
        agreed_before=first == model,
        agrees=item.final == model,
        model_right=model == truth,
    )


def _share(found: Iterable[bool]) -> Figure:
    counted = list(found)
    return wilson(sum(counted), len(counted))
