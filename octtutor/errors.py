"""The one tree of errors that reach a person.

Every message says what was expected, what was received, and what to do. The command line
prints it as one line and exits 1; the page shows it as a message. Anything that is not an
`OctTutorError` is a defect of the program.
"""


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
    """There were too many wrong passwords; waiting helps."""


class SettingsError(OctTutorError):
    """The surroundings do not allow the program to run (port, folder, variable)."""
