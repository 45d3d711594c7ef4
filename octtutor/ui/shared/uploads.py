"""Files that an educator uploads."""

from pathlib import Path
from typing import Any

from octtutor.errors import BadInputError
from octtutor.ui.shared.texts import SCANS


def uploaded_file(upload: Any, uploads: Path) -> Path:
    """Return the file that an event names, when it was really uploaded here.

    Args:
        upload: what Gradio's file component sends, not preprocessed.
        uploads: the folder that uploads come in.

    Raises:
        BadInputError: nothing was uploaded, or it is not there (any more).
    """
    named = upload.get("path") if isinstance(upload, dict) else None
    if not isinstance(named, str) or not named:
        raise BadInputError(SCANS["no_file"])
    try:
        path = Path(named).resolve()
        if path.is_relative_to(uploads.resolve()) and path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise BadInputError(SCANS["lost_file"])
