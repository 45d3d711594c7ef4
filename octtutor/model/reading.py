"""Answer and explain scans given as files, folders and web addresses."""

import io
import os
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.diagnosis import LABELS, Diagnosis, by_label
from octtutor.datasets.decode import Pixels, read_bytes, read_scan
from octtutor.datasets.fetch import fetch, is_url
from octtutor.datasets.images import write_atomically
from octtutor.datasets.layout import is_scan
from octtutor.datasets.sources import Member
from octtutor.errors import BadInputError
from octtutor.model.bulk import Answering, do_all
from octtutor.model.cluster import Cluster, send_answering
from octtutor.model.engine import KerasEngine
from octtutor.model.loading import Progress
from octtutor.model.maps import colour, to_scan_size


def predict_sources(
    folder: Path,
    sources: list[str],
    progress: Progress | None = None,
    cluster: Cluster | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answer scans.

    Args:
        folder: the model's.
        sources: scans, folders of scans, or web addresses of scans.
        progress: called with (done, total).
        cluster: whose workers are to answer; web addresses are not for them.

    Returns:
        A dictionary a readable scan (`source`, `label`, `probabilities` by class), in order,
        and a message for each file that cannot be read.

    Raises:
        BadInputError: there is no scan at all.
        ModelError: the model cannot be loaded.
    """
    files = [file for source in sources for file in _files(source)]
    members = [_member(file) for file in files]
    make = send_answering(folder) if cluster else partial(Answering, folder)
    answers, unreadable = [], []
    work = do_all(make, members, progress, cluster)
    for file, (_, done) in zip(files, work, strict=True):
        if done.values is None:
            unreadable.append(str(done.fault))
        else:
            answers.append(_to_answer(file, done.values))
    return answers, unreadable


def explain_path(
    folder: Path,
    image: Path,
    out: Path,
    map_file: Path | None = None,
    label: Diagnosis | None = None,
    colours: str = "inferno",
) -> dict[str, Any]:
    """Write a scan's Grad-CAM as an overlay, and as numbers where asked.

    Args:
        folder: the model's.
        image: the scan.
        out: the overlay, a PNG of the scan's size.
        map_file: the map, float32 (height, width) in [0, 1], `.npy`.
        label: the class to explain; the model's answer by default.
        colours: `inferno` or `jet`.

    Returns:
        `source`, `label`, `probabilities`, `explained` (the class), `evidence` (False when the
        map is all zero), `overlay`, `map`.

    Raises:
        BadScanError: the scan cannot be read.
        ModelError: the model cannot be loaded.
    """
    scan = read_scan(image)
    engine = KerasEngine.open(folder)
    output = engine.run(engine.prepare(scan)[None])
    answer = _to_answer(str(image), output.probabilities[0])
    explained = label or Diagnosis(answer["label"])
    raw = engine.gradcam(output.features[0], [LABELS.index(explained)])[0]
    level = to_scan_size(raw, *scan.shape)
    write_atomically(out, _png(_overlay(scan, level, colours)))
    if map_file is not None:
        buffer = io.BytesIO()
        np.save(buffer, level)
        write_atomically(map_file, buffer.getvalue())
    return answer | {
        "explained": str(explained),
        "method": "gradcam",
        "evidence": bool(level.any()),
        "overlay": str(out),
        "map": str(map_file) if map_file else None,
    }


def _overlay(
    scan: Pixels, level: npt.NDArray[np.float32], colours: str, strength: float = 0.6
) -> Pixels:
    share = strength * np.sqrt(level)[..., None]
    return np.round(scan[..., None] * (1 - share) + colour(level, colours) * share).astype(np.uint8)


def _png(picture: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def _member(source: str) -> Member:
    if is_url(source):
        return Member(source[:120], partial(fetch, source))
    path = Path(source).absolute()
    return Member(path.name, partial(read_bytes, path), file=path)


def _files(source: str) -> list[str]:
    path = Path(source)
    if not is_url(source) and os.path.isdir(path):  # noqa: PTH112
        found = sorted(
            str(file) for file in path.rglob("*") if is_scan(file.relative_to(path).as_posix())
        )
        if not found:
            raise BadInputError(
                f"Expected scans (PNG, JPEG, TIFF, BMP, WEBP) in {str(path)!r}. Found none. "
                "Give another folder."
            )
        return found
    return [source]


def _to_answer(source: str, chances: npt.NDArray[np.float32]) -> dict[str, Any]:
    return {
        "source": source,
        "label": str(LABELS[int(chances.argmax())]),
        "probabilities": by_label(map(float, chances)),
    }
