"""OpenVINO, imported without its telemetry, which calls home at every import."""

import sys
from importlib.util import find_spec
from typing import Any


def has_openvino() -> bool:
    """Whether OpenVINO is installed; nothing is imported."""
    return find_spec("openvino") is not None


def import_openvino() -> Any:
    """Import OpenVINO.

    Raises:
        ImportError: it is not installed, or does not run on this processor.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
