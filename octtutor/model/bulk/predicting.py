"""Answer and explain scans given as files, folders and web addresses."""

import io
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.verdict import ScanVerdict
from octtutor.datasets.decode import Pixels, read_bytes
from octtutor.datasets.fetch import fetch, is_url
from octtutor.datasets.images import write_atomically
from octtutor.datasets.layout import find_slice, slice_name, without_slice
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.sources import find_scans, open_source, refuse, slices_of
from octtutor.datasets.volumes import (
    Volume,
    is_bare_dicom,
    is_volume_name,
    open_stream,
    open_volume,
)
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.bulk.batches import Answering, do_all
from octtutor.model.bulk.cluster import Cluster, send_answering
from octtutor.model.explain.maps import overlay
from octtutor.model.explain.methods import DEFAULT_METHOD, explain
from octtutor.model.network.card import Card, read_card
from octtutor.model.network.scan_set import Progress
from octtutor.model.ood.judging import judge, look_at
from octtutor.model.ood.ood_score import familiarity_fields, open_ood_detector
from octtutor.model.serve.engine_choice import BY_ITSELF, EngineChoice, open_engine


def predict_sources(
    folder: Path,
    sources: list[str],
    progress: Progress | None = None,
    cluster: Cluster | None = None,
    slice_: int | None = None,
    choice: EngineChoice = BY_ITSELF,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answer scans.

    Args:
        folder: the model's.
        sources: scans, volumes, folders and archives of them, or web addresses of them.
        progress: called with (done, total).
        cluster: whose workers are to answer; web addresses are not for them.
        slice_: which B-scan of each volume is wanted, from 1; all by default.
        choice: what is to run the network; a cluster's workers run it in Keras.

    Returns:
        A dictionary a readable scan (`source`, of a volume `name#k`; `label`, `probabilities` by
        class; `verdict` and `why`, see `octtutor.core.verdict`; what `Card.standing` says;
        `preparation`, a sentence for each thing that was done to the picture; `familiar`, `score`,
        `threshold`, see `octtutor.model.ood.ood_score.familiarity_fields`), in order, and a
        message for each file that cannot be read.

    Raises:
        BadInputError: there is no scan at all, or a volume has no such slice.
        ModelError: the model cannot be loaded.
    """
    with ExitStack() as stack:
        found = [pair for source in sources for pair in _scans(source, stack)]
        chosen = [pair for pair in found if _is_chosen(pair[1], slice_)]
        members = [member for _, member in chosen]
        make = send_answering(folder) if cluster else partial(Answering, folder, None, choice)
        answers, unreadable = [], []
        work = do_all(make, members, progress, cluster)
        card = read_card(folder)
        for (source, _), (_, done) in zip(chosen, work, strict=True):
            if done.values is None:
                unreadable.append(str(done.fault))
            else:
                assert done.verdict is not None
                answer = _to_answer(source, card, done.values, done.verdict, done.steps)
                answers.append(answer | familiarity_fields(done.seen))
    return answers, list(dict.fromkeys(unreadable))


def explain_path(
    folder: Path,
    image: Path | str,
    out: Path,
    map_file: Path | None = None,
    label: str | None = None,
    colours: str = "inferno",
    method: str = DEFAULT_METHOD,
    against: str | None = None,
    progress: Progress | None = None,
    slice_: int | None = None,
    choice: EngineChoice = BY_ITSELF,
) -> dict[str, Any]:
    """Write a scan's map as an overlay, and as numbers where asked.

    Args:
        folder: the model's.
        image: the scan or volume, or its web address.
        out: the overlay, a PNG of the scan's size.
        map_file: the map, float32 (height, width) in [0, 1], `.npy`.
        label: the class to explain; the model's answer by default.
        colours: `inferno` or `jet`.
        method: a key of METHODS.
        against: another class, whose overlay is put to the right of the first.
        progress: called with (done, total) by methods that take their time.
        slice_: which B-scan of a volume, from 1; the one in the middle by default.
        choice: what is to run the network.

    Returns:
        What `predict_sources` gives of a scan; `explained` (the class), `against` (the other, or
        None), `method`, `evidence` (False when the map is all zero), `overlay`, `map`.

    Raises:
        BadInputError: there is no such class or method, or the address cannot be fetched.
        BadScanError: the scan cannot be read, or there is no such slice.
        ModelError: the model cannot be loaded.
    """
    card = read_card(folder)
    named = [card.labels[card.index(one)] if one else None for one in (label, against)]
    picture, source = _read_one(str(image), slice_)
    engine, detector = open_engine(folder, choice), open_ood_detector(folder)
    fed = engine.how.feed(picture)
    output = engine.run(fed.scan[None])
    seen = detector.measure(output.features)[0] if detector else None
    verdict = judge(look_at(picture, fed.prepared), seen)
    steps = [step.text for step in fed.steps]
    answer = _to_answer(source, engine.card, output.probabilities[0], verdict, steps)
    explained, other = named[0] or answer["label"], named[1]
    wanted = [card.index(one) for one in (explained, other) if one is not None]
    levels = explain(engine, picture, wanted, method, progress)
    level = levels[0]
    grey = picture.grey
    write_atomically(out, _png(np.hstack([overlay(grey, one, colours) for one in levels])))
    if map_file is not None:
        buffer = io.BytesIO()
        np.save(buffer, level)
        write_atomically(map_file, buffer.getvalue())
    return answer | {
        **familiarity_fields(seen),
        "explained": explained,
        "against": other,
        "method": method,
        "evidence": bool(level.any()),
        "overlay": str(out),
        "map": str(map_file) if map_file else None,
    }


def _read_one(source: str, slice_: int | None) -> tuple[ScanPicture, str]:
    """Read the scan of a source, or one of a volume's; return what the answer calls it, too."""
    if not is_url(source):
        _refuse_scheme(source)
    path, named = _split(source)
    volume = _open_url(source) if is_url(source) else open_volume(path)
    chosen = named if slice_ is None else slice_ - 1
    index = volume.middle if chosen is None else chosen
    picture = volume.picture(index)
    return picture, source if volume.count == 1 else slice_name(without_slice(source), index)


def _open_url(url: str, get: Callable[[str], bytes] = fetch) -> Volume:
    return open_stream(partial(io.BytesIO, get(url)), PurePosixPath(urlsplit(url).path).name)


def _png(picture: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def _is_chosen(member: Member, slice_: int | None) -> bool:
    if slice_ is None or member.slice is None:
        return True
    if not 1 <= slice_ <= member.slices:
        raise BadInputError(
            f"Expected a slice from 1 to {member.slices} of {without_slice(member.name)!r}. "
            f"Received {slice_}. Choose one of these."
        )
    return member.slice == slice_ - 1


def _scans(source: str, stack: ExitStack) -> list[tuple[str, Member]]:
    """Return each scan of a source, and what the answer calls it."""
    if is_url(source):
        return fetched(source)
    _refuse_scheme(source)
    path, index = _split(source)
    if not _opens(path):
        file = path.absolute()
        return [(source, Member(path.name, partial(read_bytes, file), file=file))]
    members = find_scans(stack.enter_context(open_source(path, links=True)), path)
    if index is not None:
        members = [member for member in members if _is_chosen(member, index + 1)]
    return [(_say(path, member), member) for member in members]


def _refuse_scheme(source: str) -> None:
    if re.match(r"[a-z][a-z0-9+.-]+://", source, re.IGNORECASE):
        raise BadInputError(
            f"Expected a file, or an address that begins with http:// or https://. Received "
            f"{source[:80]!r}. Give another."
        )


def _opens(path: Path) -> bool:
    """Whether a path holds scans to be found; what does not is read, and says why not."""
    if os.path.isdir(path):  # noqa: PTH112 (False, not an error, for impossible names)
        return True
    packed = path.name.lower().endswith((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"))
    return os.path.exists(path) and (packed or is_volume_name(path.name) or is_bare_dicom(path))  # noqa: PTH110


def _split(source: str) -> tuple[Path, int | None]:
    """Take a slice's name (`eye.vol#3`) apart, unless a file is really called that."""
    index = find_slice(source)
    if index is None or os.path.exists(source):  # noqa: PTH110
        return Path(source), None
    return Path(without_slice(source)), index


def _say(path: Path, member: Member) -> str:
    """Name a scan as its source was named; a slice by its number, too."""
    if member.file is None:
        return f"{path}/{member.name}"
    file = str(path / member.file.relative_to(path.absolute()))
    return file if member.slices == 1 else slice_name(file, member.slice or 0)


def fetched(url: str, get: Callable[[str], bytes] = fetch) -> list[tuple[str, Member]]:
    """Return the scan at a web address, or each slice of the volume there, with its name.

    Args:
        url: ends like a volume's name where it is to be read as one (`….dcm`).
        get: fetches; a plain image only when it is read.

    Raises:
        BadInputError: the address of a volume cannot be fetched.
    """
    name = url[:120]
    if not is_volume_name(urlsplit(url).path):
        return [(url, Member(name, partial(get, url)))]
    try:
        volume = _open_url(url, get)
    except BadScanError as error:
        return [(url, Member(name, partial(refuse, str(error))))]
    slices = slices_of(Member(name, partial(get, url)), volume)
    return [(url + member.name.removeprefix(name), member) for member in slices]


def _to_answer(
    source: str,
    card: Card,
    chances: npt.NDArray[np.float32],
    verdict: ScanVerdict,
    steps: Sequence[str],
) -> dict[str, Any]:
    return {
        "source": source,
        "label": card.labels[int(chances.argmax())],
        "probabilities": card.by_label(map(float, chances)),
        **verdict.as_fields(),
        **card.standing(chances, verdict.verdict),
        "preparation": list(steps),
    }
