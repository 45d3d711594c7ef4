"""A trainee's committed answer to a case. Written once, never changed."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.diagnosis import Diagnosis
from octtutor.core.prediction import Prediction
from octtutor.errors import BadInputError

MAX_CONFIDENCE = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, how surely and how fast, before anything was revealed."""

    attempt_id: str
    position: int
    """Place in the quiz, from 0."""
    trainee_id: str
    sha256: str
    truth: Diagnosis
    choice: Diagnosis | None
    """None: the trainee calls the scan ungradable."""
    confidence: int
    """1 guessing to 5 certain; 0 where it was not asked."""
    response_ms: int
    """Milliseconds from seeing the scan to committing."""
    answered_at: datetime
    deck: str
    quiz: str
    quiz_version: str
    mark: tuple[int, int] | None = None
    """Where the finding was clicked, (x, y) in pixels of the scan from its upper left."""
    timed_out: bool = False
    """The time was over: there is no choice, and it is no ungradable either."""

    @property
    def is_right(self) -> bool:
        """Whether the choice is the truth; an ungradable is not."""
        return self.choice is self.truth


@dataclass(frozen=True, slots=True)
class SecondLook:
    """The answer after the model's was seen, and before the truth was."""

    attempt_id: str
    position: int
    choice: Diagnosis | None
    """None: ungradable."""
    response_ms: int
    """Milliseconds from seeing the model's answer."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with the model's, and with the second look where there was one."""

    answer: Answer
    prediction: Prediction | None
    """None while no model has answered."""
    second: SecondLook | None = None

    @property
    def final(self) -> Diagnosis | None:
        """The choice that stands in the end."""
        return self.second.choice if self.second else self.answer.choice


def check_confidence(confidence: int) -> int:
    """Return the confidence when it is 1 to 5.

    Raises:
        BadInputError: it is anything else.
    """
    if confidence not in range(1, MAX_CONFIDENCE + 1):
        raise BadInputError(
            f"Expected a confidence from 1 to {MAX_CONFIDENCE}. Received {confidence!r}. "
            "Choose how sure you are."
        )
    return confidence


def parse_choice(word: str) -> Diagnosis | None:
    """Turn a button's word into a choice: a class, or None for `UNGRADABLE`.

    Raises:
        BadInputError: it is neither.
    """
    if word == "UNGRADABLE":
        return None
    try:
        return Diagnosis(word)
    except ValueError as error:
        raise BadInputError(
            f"Expected {', '.join(Diagnosis)} or UNGRADABLE. Received {word[:40]!r}. "
            "Choose one of the buttons."
        ) from error


def choice_word(choice: Diagnosis | None) -> str:
    """Return the word of a choice, the inverse of `parse_choice`."""
    return "UNGRADABLE" if choice is None else str(choice)
