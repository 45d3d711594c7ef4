"""The formats by name, and by what lies on the disk.

A new one is a file in this folder and a line in `FORMATS`.
"""

from importlib.util import find_spec
from pathlib import Path

from octtutor.errors import BadInputError, ModelError, SettingsError
from octtutor.model.exporting.export_draft import Format
from octtutor.model.exporting.litert import LITERT
from octtutor.model.exporting.onnx import ONNX
from octtutor.model.exporting.openvino import OPENVINO
from octtutor.model.exporting.savedmodel import SAVED_MODEL

FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        LITERT,
        OPENVINO,
        ONNX,
        SAVED_MODEL,
    )
}


def find_format(name: str, quantise: str) -> Format:
    """Return a format that can be written here.

    Args:
        name: a key of FORMATS.
        quantise: `float32`, `float16` or `int8`.

    Raises:
        BadInputError: there is no such format, or it is not written in these numbers.
        SettingsError: what it needs is not installed.
    """
    form = FORMATS.get(name)
    if form is None:
        raise BadInputError(
            f"Expected a format of {', '.join(FORMATS)}. Received {name[:40]!r}. Choose one of "
            "them."
        )
    if quantise not in form.quantise:
        able = [other.name for other in FORMATS.values() if quantise in other.quantise]
        raise BadInputError(
            f"Expected {' or '.join(form.quantise)} for {name}. Received {quantise[:40]!r}"
            + (f", which goes with {' and '.join(able)}." if able else ". Choose one of them.")
        )
    lacking = [module for module in form.packages if find_spec(module) is None]
    if lacking:
        raise SettingsError(
            f"Expected {', '.join(lacking)} for {name}, which is not installed. Install it: "
            "pip install 'octtutor[export]'."
        )
    return form


def format_of(path: Path) -> Format:
    """Return the format of an export on the disk.

    Raises:
        ModelError: it is none.
    """
    for form in sorted(FORMATS.values(), key=lambda form: not form.holds):
        if form.is_export(path):
            return form
    raise ModelError(
        f"Expected an export ({', '.join(FORMATS)}). Received {path.name!r}. Make one with "
        "`octtutor models export`."
    )
