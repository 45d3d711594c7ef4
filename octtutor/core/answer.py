"""A trainee's committed answer to a case, and the versions of one that was changed."""

from dataclasses import dataclass
from datetime import datetime

from octtutor.core.prediction import Prediction
from octtutor.core.scheme import OCT2017, SchemeVersion
from octtutor.errors import BadInputError

MAX_CONFIDENCE = 5
UNGRADABLE = "UNGRADABLE"
"""The word of a choice that is no diagnosis."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, how surely and how fast, before anything was revealed."""

    attempt_id: str
    position: int
    """Place in the quiz, from 0."""
    trainee_id: str
    sha256: str
    truth: str
    """Key of the scan's diagnosis."""
    choice: str | None
    """Key of what was answered; None: the trainee calls the scan ungradable."""
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
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that truth and choice are of."""
    changes: int = 0
    """How often it was changed, while nothing was told of it; this is the last version."""

    @property
    def is_right(self) -> bool:
        """Whether the choice is the truth; an ungradable is not."""
        return self.choice == self.truth


@dataclass(frozen=True, slots=True)
class ReplacedAnswer:
    """A version of an answer that another one took the place of."""

    attempt_id: str
    position: int
    version: int
    """From 0, the first."""
    choice: str | None
    confidence: int
    response_ms: int
    answered_at: datetime
    mark: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class SecondLook:
    """The answer after the model's was seen, and before the truth was."""

    attempt_id: str
    position: int
    choice: str | None
    """None: ungradable."""
    response_ms: int
    """Milliseconds from seeing the model's answer."""
    at: datetime
    confidence: int = 0
    """1 guessing to 5 certain; 0 where it was not asked."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with the model's, and with the second look where there was one."""

    answer: Answer
    prediction: Prediction | None
    """None while no model has answered."""
    second: SecondLook | None = None

    @property
    def comparable(self) -> Prediction | None:
        """The model's answer where it can be right or wrong: it is of the answer's own scheme."""
        model = self.prediction
        return model if model is not None and model.scheme == self.answer.scheme else None

    @property
    def looked(self) -> SecondLook | None:
        """The second look that was taken; None also where it was given up for want of a model."""
        return self.second if self.prediction is not None else None

    @property
    def final(self) -> str | None:
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


def parse_choice(word: str) -> str | None:
    """Turn a button's word into a choice; whether there is such a one, the scheme says."""
    return None if word == UNGRADABLE else word


def choice_word(choice: str | None) -> str:
    """Return the word of a choice, the inverse of `parse_choice`."""
    return UNGRADABLE if choice is None else str(choice)
