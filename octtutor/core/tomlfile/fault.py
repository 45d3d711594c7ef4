"""What is wrong in a file that a person wrote."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file, and where."""

    line: int
    """From 1; 0 where it is of the file as a whole."""
    what: str
