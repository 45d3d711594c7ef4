"""Any picture of a B-scan to one frame, the same in training and in serving.

Plain NumPy and OpenCV, so that who serves or exports needs no network library for it.
"""

from octtutor.datasets.preparation.preparing import FRAME, Prepared, prepare
from octtutor.datasets.preparation.scan_frame import ScanFrame, Spacing
from octtutor.datasets.preparation.steps import RIGHTED, PreparationStep, StepKind

__all__ = [
    "FRAME",
    "RIGHTED",
    "PreparationStep",
    "Prepared",
    "ScanFrame",
    "Spacing",
    "StepKind",
    "prepare",
]
