"""What published readers scored, for scale."""

from octtutor.core.scheme import Scheme


def published_errors(scheme: Scheme) -> tuple[tuple[str, float, float, str], ...]:
    """Return published weighted errors of a scheme: who, lowest, highest, source."""
    return tuple(
        (one.who, one.lowest, one.highest, one.source)
        for one in scheme.published
        if one.kind == "weighted_error"
    )
