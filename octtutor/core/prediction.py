"""What a network answered on a scan."""

from dataclasses import dataclass

from octtutor.core.diagnosis import LABELS, Diagnosis


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probabilities in LABELS order, and which model gave them."""

    model: str
    model_sha256: str
    probabilities: tuple[float, float, float, float]

    @property
    def label(self) -> Diagnosis:
        """The most probable class; of equals the first."""
        return LABELS[self.probabilities.index(max(self.probabilities))]

    def of(self, label: Diagnosis) -> float:
        """Return the probability of a class, in [0, 1]."""
        return self.probabilities[LABELS.index(label)]
