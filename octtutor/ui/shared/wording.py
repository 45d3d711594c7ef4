"""Shares and times in words."""

from collections.abc import Sequence


def share(value: float | None, ci: Sequence[float | None] | None = None) -> str:
    """Return a share in percent, with its interval."""
    return "–" if value is None else f"{100 * value:.1f} %{_span(ci)}"


def _span(ci: Sequence[float | None] | None, signed: bool = False) -> str:
    if ci is None or ci[0] is None or ci[1] is None:
        return ""
    form = "+.1f" if signed else ".1f"
    return f" ({100 * ci[0]:{form}} to {100 * ci[1]:{form}})"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
