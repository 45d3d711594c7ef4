"""What a network answered on a scan."""

from collections.abc import Mapping
from dataclasses import dataclass

from octtutor.core.scheme import OCT2017, SchemeVersion


@dataclass(frozen=True, slots=True)
class Prediction:
    """A probability of each diagnosis, and which model gave them."""

    model: str
    model_sha256: str
    probabilities: Mapping[str, float]
    """By the diagnosis' key, in the order of the model's scheme; in [0, 1], their sum is 1."""
    scheme: SchemeVersion = OCT2017
    """The list of diagnoses that the model knows."""

    @property
    def label(self) -> str:
        """The key of the most probable diagnosis; of equals the first."""
        return max(self.probabilities, key=self.of)

    def of(self, key: str) -> float:
        """Return the probability of a diagnosis, in [0, 1]."""
        return self.probabilities[key]
