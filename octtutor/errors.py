"""The one tree of errors that reach a person.

Every message says what was expected, what was received, and what to do. The command line
prints it as one line and exits 1; the page shows it as a message. Anything that is not an
`OctTutorError` is a defect of the program.
"""

import math
from datetime import timedelta


class OctTutorError(Exception):
    """Base of all errors with a message meant for a person."""


class BadInputError(OctTutorError):
    """What the user gave cannot be used."""


class BadScanError(BadInputError):
    """A file is not a scan that can be decoded safely."""


class BadArchiveError(BadInputError):
    """A ZIP or tar is empty, unsafe or unreadable."""


class ModelError(OctTutorError):
    """A model folder is incomplete, altered or does not fit the program."""


class StoreError(OctTutorError):
    """Records cannot be read or written."""


class StaleError(StoreError):
    """The record changed meanwhile: this case was already answered, in another tab perhaps."""


class NotAllowedError(OctTutorError):
    """This needs an educator, and whoever asks is none (any more)."""


class TooManyGuessesError(NotAllowedError):
    """There were too many wrong passwords or codes; waiting helps."""

    def __init__(self, what: str, wait: timedelta) -> None:
        """Say what there was too much of, e.g. `wrong passwords`, and how long to wait."""
        self.wait = wait
        seconds = math.ceil(wait.total_seconds())
        told = f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
        super().__init__(f"Too many {what}. Wait {told}, then try again.")


class SettingsError(OctTutorError):
    """The surroundings do not allow the program to run (port, folder, variable)."""
