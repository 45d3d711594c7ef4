"""Files of B-scans: images, TIFF stacks, DICOM, and the exports of OCT devices."""

from octtutor.datasets.scan_picture import ScanPattern
from octtutor.datasets.volumes.opening import (
    SUFFIXES,
    VOLUME_SUFFIXES,
    is_bare_dicom,
    is_readable_name,
    is_volume_name,
    open_stream,
    open_volume,
)
from octtutor.datasets.volumes.plain_images import IMAGE
from octtutor.datasets.volumes.volume import Volume

__all__ = [
    "IMAGE",
    "SUFFIXES",
    "VOLUME_SUFFIXES",
    "ScanPattern",
    "Volume",
    "is_bare_dicom",
    "is_readable_name",
    "is_volume_name",
    "open_stream",
    "open_volume",
]
