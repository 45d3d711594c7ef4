"""Stand-ins for what a network would say, where a test is about what is made of it."""

import numpy as np

from octtutor.core.diagnosis import LABELS, by_label
from octtutor.core.prediction import Prediction
from octtutor.core.scheme import OCT2017
from octtutor.core.verdict import ScanVerdict, Standing, Verdict
from octtutor.errors import ModelError


class ToldPredictor:
    """Always answers CNV with 0.7; can be asleep or broken."""

    def __init__(self, name: str = "told", digit: str = "0") -> None:
        self.name = name
        self.scheme = OCT2017
        self.is_ready = True
        self.fault: str | None = None
        self.sha256: str | None = digit * 64
        self.asked: list[str] = []
        self.known_patients: set[str] = set()
        self.standing = Standing(ScanVerdict(Verdict.SCAN), would_answer=True)

    def knows(self, sha256: str) -> bool:
        return False

    def trained_on(self, sha256: str, patient: str) -> bool:
        return patient in self.known_patients

    def read(self, sha256: str, scan: np.ndarray) -> tuple[Prediction, np.ndarray]:
        self.asked.append(sha256)
        if self.fault:
            raise ModelError(self.fault)
        maps = np.stack([np.eye(7, dtype=np.float32) * (label != "DME") for label in LABELS])
        return Prediction(self.name, str(self.sha256), by_label((0.7, 0.1, 0.1, 0.1))), maps

    def judge(self, sha256: str, scan: np.ndarray) -> Standing:
        return self.standing


class ToldShelf:
    """The first model is the shipped one, the last is in use; models can be taken away."""

    def __init__(self, *models: ToldPredictor) -> None:
        self.models = list(models)

    def current(self) -> ToldPredictor:
        return self.models[-1]

    def recorded(self, name: str | None, sha256: str | None) -> ToldPredictor:
        if name is None:
            return self.models[0]
        for model in self.models:
            if model.name == name:
                return model
        raise ModelError(f"{name} is not among the models any more")
