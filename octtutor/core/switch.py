"""What an educator switches for everybody, on every server of these records."""

from dataclasses import dataclass
from datetime import datetime

CLOSE_SERVICE = "close the service during exams"
"""While on and any exam is under way, neither the service nor Read a scan answers anybody."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch as it was set last; one that was never set is off."""

    name: str
    is_on: bool
    by: str
    """The name of the educator."""
    at: datetime
