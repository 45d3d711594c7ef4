"""What was done to a picture before a network saw it, in words."""

from enum import StrEnum
from typing import NamedTuple


class StepKind(StrEnum):
    """Kinds of steps, in the order in which they are taken."""

    PALETTE = "palette"
    BRIGHTNESS = "brightness"
    SCREEN = "screen"
    SURROUND = "surround"
    PANEL = "panel"
    SEVERAL = "several scans"
    INVERTED = "inverted"
    CROPPED = "cropped"
    FILLED = "filled"
    COLOURED_MARKS = "coloured marks"
    SIDEWAYS = "sideways"
    UPSIDE_DOWN = "upside down"
    MARKS = "marks"
    NO_RETINA = "no retina"


TEXTS: dict[StepKind, str] = {
    StepKind.PALETTE: "Colour scan converted: its colours are those of an OCT device.",
    StepKind.BRIGHTNESS: "Colours turned to grey by brightness: they are of no device that is "
    "known.",
    StepKind.SCREEN: "A photograph or a slanted picture of a screen: the scan in it was found and "
    "righted.",
    StepKind.SURROUND: "What surrounds the scan was left out.",
    StepKind.PANEL: "The picture has several panels: the one that shows a retina was taken.",
    StepKind.SEVERAL: "The picture shows more than one scan: only the clearest was taken. Cut out "
    "the one that you mean.",
    StepKind.INVERTED: "An inverted scan (dark on bright): turned to bright on dark.",
    StepKind.CROPPED: "Even borders were left out.",
    StepKind.FILLED: "White or black fill at the borders was painted over.",
    StepKind.COLOURED_MARKS: "Coloured lines or numbers were painted over.",
    StepKind.SIDEWAYS: "A scan on its side: turned by 90 degrees.",
    StepKind.UPSIDE_DOWN: "A scan upside down: turned.",
    StepKind.MARKS: "Arrows, boxes or numbers were painted over.",
    StepKind.NO_RETINA: "No clear retina was found: place and scale are guessed.",
}
"""What a person is told."""

RIGHTED = frozenset(
    {StepKind.SCREEN, StepKind.SEVERAL, StepKind.INVERTED, StepKind.SIDEWAYS, StepKind.UPSIDE_DOWN}
)
"""What a person had better do to the file; the others are usual."""


class PreparationStep(NamedTuple):
    """Something that was done."""

    done: StepKind
    text: str

    @classmethod
    def of(cls, done: StepKind) -> "PreparationStep":
        """Return the step of a kind with its text."""
        return cls(done, TEXTS[done])
