"""What a store checks before it writes, and the errors that people read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from octtutor.core.annotation.annotation import Assignment, LogEntry, present
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


def check_change(answer: Answer, attempt: Attempt, answered: int, last_shown: int | None) -> None:
    """Refuse to change any answer but the last one, or that after the next case was shown.

    Args:
        answer: the new version.
        attempt: whose it is.
        answered: how many answers the attempt has.
        last_shown: the last position that was shown.

    Raises:
        StaleError: it may not be changed (any more).
    """
    if attempt.ended_at is not None:
        raise StaleError("This quiz has ended, in another tab perhaps.")
    if answer.position != answered - 1 or (last_shown or 0) > answer.position:
        raise StaleError(
            f"The answer to case {answer.position + 1} stands: the quiz has gone on. Reload the "
            "page to go on."
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


def in_use(what: str, name: str) -> StaleError:
    """Return the error of something that cannot be removed, since records name it."""
    return StaleError(f"The {what} {name[:64]!r} is in use, since a moment ago perhaps. Hide it.")


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
    named = f" {key[:64]!r}" if kind in ("deck", "session", "project") else ""
    return StoreError(f"There is no {kind}{named} in the records. Reload the page.")


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


def check_entry(entry: LogEntry, log: Sequence[LogEntry]) -> None:
    """Refuse an entry that replaces something else than what holds.

    Raises:
        StaleError: it does.
    """
    if present(log, entry.who, entry.kind) != entry.before:
        raise StaleError(
            "This scan was changed meanwhile, by somebody else or in another tab. Nothing of yours "
            "is written; look at it again."
        )


def taken_project(name: str) -> StaleError:
    """Return the error of a project's name that is taken."""
    return StaleError(f"There is a project {name[:64]!r} already. Take another name.")


def no_assignment() -> StaleError:
    """Return the error of a scan that an annotator was not given."""
    return StaleError("This scan is not yours to read (any more). Reload the page to go on.")


def first_free(
    line: Iterable[tuple[str, bool]], given: Sequence[Assignment], who: str, readers: int
) -> tuple[str, bool] | None:
    """Return the first in line that an annotator may get (see `assign`), None without."""
    mine = {one.sha256 for one in given if one.who == who}
    taken = Counter(one.sha256 for one in given if not one.skipped)
    for sha256, is_control in line:
        if sha256 not in mine and (is_control or taken[sha256] < readers):
            return sha256, is_control
    return None


def check_reopening(again: Assignment, given: Iterable[Assignment], readers: int) -> None:
    """Refuse to take a skip back when others have the scan meanwhile; a control is for all.

    Raises:
        StaleError: as many as may read it have it.
    """
    others = (one for one in given if one.sha256 == again.sha256 and one.who != again.who)
    taken = sum(not one.skipped for one in others)
    if again.skipped and not again.is_control and taken >= readers:
        raise StaleError("Somebody else has the scan that you put aside. Go on with the next.")


def find_open(given: Iterable[Assignment], who: str) -> Assignment | None:
    """Return the assignment that an annotator has not finished."""
    return next((one for one in given if one.who == who and one.done_at is None), None)
