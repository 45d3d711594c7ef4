"""A list of diagnoses as the scripts of the page take it. A plain dictionary."""

from typing import Any

from octtutor.core.scheme import Scheme


def scheme_view(scheme: Scheme) -> dict[str, Any]:
    """Return what buttons, bars and marks need of a scheme; nothing in it tells an answer."""
    return {
        "labels": list(scheme.keys),
        "names": {one.key: one.name for one in scheme.diagnoses},
        "colours": scheme.colours,
        "normal": scheme.normal,
        "ungradable": scheme.allows_ungradable,
    }
