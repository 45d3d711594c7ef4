"""What both kinds of store check before they write."""

from datetime import datetime

from octtutor.core.answer import Answer
from octtutor.core.quiz import Attempt
from octtutor.errors import StaleError, StoreError


def require_aware(at: datetime) -> datetime:
    """Return the time when it knows its zone.

    Raises:
        ValueError: it is naive.
    """
    if at.tzinfo is None:
        raise ValueError(f"Expected a time with a zone (UTC). Received {at!r}.")
    return at


def check_answer(answer: Answer, attempt: Attempt, answered: int) -> None:
    """Refuse an answer out of turn; `answered` is how many the attempt has.

    Raises:
        StaleError: the position is not the next one, or the attempt has ended.
    """
    if attempt.ended_at is not None:
        raise StaleError("This quiz has ended, in another tab perhaps.")
    if answer.position < answered:
        raise StaleError(
            f"Case {answer.position + 1} is answered already, in another tab perhaps. "
            "Your first answer counts; go on with the next case."
        )
    if answer.position > answered or answer.position >= len(attempt.cases):
        raise StaleError(
            f"Case {answer.position + 1} is not the next one. Reload the page to go on."
        )


def check_place(position: int, attempt: Attempt) -> None:
    """Refuse to append a case anywhere but at the next position of a running attempt.

    Raises:
        StaleError: it would leave a gap, or the attempt has ended.
    """
    if attempt.ended_at is not None:
        raise StaleError("This quiz has ended, in another tab perhaps.")
    if position > len(attempt.cases):
        raise StaleError(f"Case {position + 1} is not the next one. Reload the page to go on.")


def check_count(quiz: str, taken: int, at_most: int | None) -> None:
    """Refuse another attempt at a quiz that may be taken so often.

    Raises:
        StaleError: it was taken so often.
    """
    if at_most is not None and taken >= at_most:
        raise StaleError(
            f"Expected at most {at_most} attempts at {quiz[:64]!r}. You have taken it {taken} "
            "times. Choose another."
        )


def joined_already() -> StaleError:
    """Return the error of a trainee who is in the session."""
    return StaleError("You are in this session already, in another tab perhaps. Reload the page.")


def looked_already(position: int) -> StaleError:
    """Return the error of a second look that was taken, or comes too early."""
    return StaleError(
        f"Case {position + 1} does not wait for a second look (any more). Reload the page to go on."
    )


def taken_code(code: str) -> StaleError:
    """Return the error of a session's code that was used before."""
    return StaleError(f"The code {code[:16]!r} was used before. Take another.")


def session_ended() -> StaleError:
    """Return the error of a session that is over."""
    return StaleError("This session has ended. Its results are kept.")


def missing(kind: str, key: str) -> StoreError:
    """Return the error of a record that is not there."""
    return StoreError(f"There is no {kind} {key[:64]!r} in the records. Reload the page.")


def taken_name(name: str) -> StaleError:
    """Return the error of an educator's name that is taken."""
    return StaleError(
        f"There is an educator {name[:64]!r} already. Take another name, or remove that account "
        f"first: octtutor educator remove {name[:64]}"
    )


def no_educator(name: str) -> StoreError:
    """Return the error of an educator who is not there."""
    return StoreError(
        f"There is no educator {name[:64]!r} in the records. List them: octtutor educator list"
    )
