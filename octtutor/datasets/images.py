"""Scans on disk, named by the SHA-256 of their bytes: `images/ab/abcd…`."""

import hashlib
import os
import tempfile
import time
from pathlib import Path

from octtutor.datasets.decode import Pixels, decode
from octtutor.datasets.scan_picture import ScanPicture, read_picture
from octtutor.errors import SettingsError, StoreError

_PARTIAL = ".partial-"


class ImageFolder:
    """A content-addressed folder. Files in it are never changed."""

    def __init__(self, root: Path) -> None:
        """Use a folder; it is made at the first `put`."""
        self._root = root

    def put(self, data: bytes) -> str:
        """Store a file's bytes and return their SHA-256, hex; known ones are left alone.

        Raises:
            SettingsError: the folder cannot be written. Nothing half-written is left.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not path.exists():
            write_atomically(path, data)
        return digest

    def place(self, digest: str) -> Path:
        """Return where a file is, or would be; nothing is read."""
        return self._path(digest)

    def remove(self, digest: str) -> None:
        """Remove a file; one that is not there is removed already."""
        self._path(digest).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what interrupted writers left: partial files older than a minute."""
        for path in self._root.glob(f"*/{_PARTIAL}*"):
            if time.time() - path.stat().st_mtime > 60:
                path.unlink(missing_ok=True)

    def read(self, digest: str) -> Pixels:
        """Decode a stored scan or mask, uint8 (height, width).

        Raises:
            StoreError: the file is gone or was changed since.
        """
        return decode(self._read_bytes(digest), digest[:12])

    def picture(self, digest: str) -> ScanPicture:
        """Decode a stored scan with its colours, and with what its device's file said of it.

        Raises:
            StoreError: see `read`.
        """
        return read_picture(self._read_bytes(digest), digest[:12])

    def _read_bytes(self, digest: str) -> bytes:
        try:
            data = self._path(digest).read_bytes()
        except OSError as error:
            raise StoreError(
                f"The scan {digest[:12]}… is in the records but not in the data home. Import "
                "its deck again."
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(
                f"The scan {digest[:12]}… was changed on disk. Remove it from the data home's "
                "images/ and import its deck again."
            )
        return data

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        SettingsError: the folder cannot be written, or the disk is full.
    """
    partial: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        os.replace(partial, path)
    except OSError as error:
        raise SettingsError(
            f"Cannot write into {str(path.parent)!r}: {error.strerror}. Free some space, or "
            "choose a folder you may write (for the data home: OCTTUTOR_HOME)."
        ) from error
    finally:
        if partial is not None and Path(partial).exists():
            Path(partial).unlink()
