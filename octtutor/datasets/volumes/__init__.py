"""Files of B-scans: images, TIFF stacks, DICOM, and the exports of OCT devices."""

from octtutor.datasets.volumes.opening import (
    SUFFIXES,
    is_bare_dicom,
    is_readable_name,
    is_volume_name,
    open_stream,
    open_volume,
)
from octtutor.datasets.volumes.pictures import IMAGE
from octtutor.datasets.volumes.volume import MAX_FILE, MAX_SLICES, Volume

__all__ = [
    "IMAGE",
    "MAX_FILE",
    "MAX_SLICES",
    "SUFFIXES",
    "Volume",
    "is_bare_dicom",
    "is_readable_name",
    "is_volume_name",
    "open_stream",
    "open_volume",
]
