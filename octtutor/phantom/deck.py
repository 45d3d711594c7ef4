"""Decks of synthetic scans on disk: scans, masks, boundaries, and a table of what is in each."""

import csv
import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom.anatomy import Anatomy, Layer
from octtutor.phantom.deck_table import TABLE, CaseRow, write_table
from octtutor.phantom.synthetic_scan import Phantom, checked_size, make

FIRST_PATIENT = 9_000_001
"""Patients are numbered from here: seven digits, beyond those of OCT2017."""

MOST_PER_CLASS = 10_000
"""Most scans of each class in one deck."""


NARROW, WIDE = (496, 512), (496, 768)
"""Heights and widths of Spectralis scans over 20 and 30 degrees."""

_WIDE_SHARE = 0.25
"""Of scans over 30 degrees; in OCT2017 it is 0.23."""

_FEW = 40
"""As many scans are made in this process; more are shared out."""

_BYTES = 400_000
"""Most that a case of 496 by 512 pixels takes on disk."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CaseToDraw:
    """One case to draw."""

    index: int
    label: Diagnosis
    seed: int
    size: tuple[int, int]
    patient: str
    details: bool = True
    """Whether boundaries and the findings' own masks are written, too."""


def write_deck(
    folder: str | os.PathLike[str],
    per_class: int,
    seed: int,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> tuple[CaseRow, ...]:
    """Write a deck of synthetic scans, complete or not at all.

    Everything is made in a temporary folder beside `folder` and moved at the end; `cases.csv`
    is moved last, so a deck without it is unfinished and one with it is whole. The nth case of
    a class is the same however many are made, and by however many processes.

    Args:
        folder: where to write: a new or empty folder, or an older deck to replace.
        per_class: scans of each diagnosis, 1 to 10000.
        seed: 0 or more. The same seed gives the same bytes.
        size: (height, width) in pixels. By default a quarter is 496 by 768, the rest 496 by 512.
        progress: called with (done, total) after each scan.
        workers: processes, 1 or more; by default one for few scans, else one a core.

    Returns:
        The rows of `cases.csv`, in its order.

    Raises:
        BadInputError: if an argument is outside its limits, the folder holds something else,
            it cannot be written, or the disk would fill.
    """
    _check_numbers(per_class, seed, workers)
    size = None if size is None else checked_size(size)
    orders = [case_to_draw(index, seed, size) for index in range(per_class * len(LABELS))]
    return write_cases(folder, orders, progress, workers)


def write_chosen(
    folder: str | os.PathLike[str], chosen: Iterable[tuple[Diagnosis, int]], seed: int
) -> tuple[CaseRow, ...]:
    """Write a deck of chosen cases: labels, and the index of each in the seed's sequence.

    Boundaries and findings' masks, which the seeds tell again, are left out to keep it small.

    Raises:
        BadInputError: the folder holds something else, or cannot be written.
    """
    orders = [
        CaseToDraw(index, label, seed, _own_size(seed, index), str(FIRST_PATIENT + place), False)
        for place, (label, index) in enumerate(chosen)
    ]
    return write_cases(folder, orders, None, None)


def write_cases(
    folder: str | os.PathLike[str],
    orders: list[CaseToDraw],
    progress: Progress | None,
    workers: int | None,
) -> tuple[CaseRow, ...]:
    """Draw and write cases in order, complete or not at all."""
    target = Path(folder)
    try:
        _check_folder(target)
        _check_room(target, orders)
        with _workshop(target) as draft:
            rows = _draw(draft, orders, progress, workers)
            write_table(draft / TABLE, rows)
            _move(draft, target, rows)
    except OSError as error:
        raise BadInputError(
            f"Expected a folder that can be written. Received: {target} "
            f"({error.strerror or error}). Choose another folder or free its disk."
        ) from error
    return rows


def case_to_draw(index: int, seed: int, size: tuple[int, int] | None) -> CaseToDraw:
    """Return case number `index`; classes take turns, so numbers never shift."""
    label = LABELS[index % len(LABELS)]
    return CaseToDraw(
        index, label, seed, size or _own_size(seed, index), str(FIRST_PATIENT + index)
    )


def _own_size(seed: int, index: int) -> tuple[int, int]:
    """Return the size that a case has where none is asked for."""
    chance = np.random.default_rng(np.random.SeedSequence([seed, index, 1])).random()
    return WIDE if chance < _WIDE_SHARE else NARROW


def _check_numbers(per_class: int, seed: int, workers: int | None) -> None:
    """Refuse numbers that cannot be used."""
    if not 1 <= per_class <= MOST_PER_CLASS:
        raise BadInputError(
            f"Expected 1 to {MOST_PER_CLASS} scans per class. Received: {per_class}. "
            "Choose a number within these limits."
        )
    if seed < 0:
        raise BadInputError(f"Expected a seed of 0 or more. Received: {seed}. Choose another seed.")
    if workers is not None and not 1 <= workers <= 256:
        raise BadInputError(
            f"Expected 1 to 256 processes. Received: {workers}. Choose a number within these."
        )


def _check_folder(target: Path) -> None:
    """Refuse a folder that holds anything but a deck."""
    if target.exists() and not target.is_dir():
        raise BadInputError(
            f"Expected a folder. Received a file: {target}. Choose an empty folder."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / TABLE).is_file():
        raise BadInputError(
            f"Expected an empty folder or an older deck with its {TABLE}. Received: {target}, "
            "which holds other files. Choose an empty folder."
        )


def _check_room(target: Path, orders: list[CaseToDraw]) -> None:
    """Refuse a deck that would fill the disk."""
    place = next(path for path in (target, *target.absolute().parents) if path.exists())
    pixels = sum(height * width for height, width in (order.size for order in orders))
    need, free = _BYTES * pixels // (NARROW[0] * NARROW[1]), shutil.disk_usage(place).free
    if need > free:
        raise BadInputError(
            f"Expected about {need / 1e6:,.0f} MB of free disk for {len(orders)} scans. Received: "
            f"{free / 1e6:,.0f} MB at {place}, which would fill. Make fewer, or free its disk."
        )


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target`, on its disk, and remove it afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draw(
    draft: Path, orders: list[CaseToDraw], progress: Progress | None, workers: int | None
) -> tuple[CaseRow, ...]:
    """Make and write every case in `draft`, and return the rows in the table's order."""
    rows = []
    with _drawn(draft, orders, workers) as drawn:
        for row in drawn:
            rows.append(row)
            if progress is not None:
                progress(len(rows), len(orders))
    return tuple(sorted(rows, key=lambda row: row.file))


@contextmanager
def _drawn(
    draft: Path, orders: list[CaseToDraw], workers: int | None
) -> Iterator[Iterable[CaseRow]]:
    """Give the rows as they are drawn, in order, in this process or several."""
    count = workers or (1 if len(orders) <= _FEW else _cores())
    work = partial(_draw_case, draft)
    if count == 1:
        yield map(work, orders)
        return
    start = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(count, len(orders)), start, _settle_worker)
    try:
        with _without_interrupts():  # the processes start here, and inherit it
            drawn = pool.map(work, orders, chunksize=4)
        yield drawn
    except BrokenProcessPool as error:
        raise BadInputError(
            f"Expected {count} processes to draw. Received: one that was stopped from outside, "
            "for want of memory perhaps. Close other programs and run it again."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _settle_worker() -> None:
    """Leave Ctrl-C to the parent, the other cores to the other workers; end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw_case(draft: Path, order: CaseToDraw) -> CaseRow:
    """Draw one case, write its files, and return its row."""
    rng = np.random.default_rng(np.random.SeedSequence([order.seed, order.index]))
    phantom = make(order.label, rng, order.size)
    row = _row(order, phantom)
    _write_png(draft / row.file, phantom.scan)
    _write_png(draft / row.mask, phantom.mask)
    if not order.details:
        return row
    for path, finding in zip(row.finding_masks.split("; "), phantom.findings, strict=False):
        _write_png(draft / path, finding.mask)
    _write_boundaries(draft / row.boundaries, phantom.anatomy)
    return row


def _row(order: CaseToDraw, phantom: Phantom) -> CaseRow:
    """Return the row of a case."""
    stem = f"{order.label}-{order.patient}-1"
    findings, plan = phantom.findings, phantom.plan
    slugs = [_slug(finding.name) for finding in findings if order.details]
    return CaseRow(
        file=f"{order.label}/{stem}.png",
        label=str(order.label),
        patient=order.patient,
        synthetic="true",
        mask=f"masks/{stem}.png",
        findings="; ".join(finding.name for finding in findings),
        seed=f"{order.seed}:{order.index}",
        difficulty=str(plan.difficulty),
        severity=f"{plan.severity:.3f}",
        look_alikes="; ".join(plan.look_alikes),
        kinds="; ".join(f"{f.name}: {', '.join(f.kinds)}" for f in findings if f.kinds),
        eye="OD" if phantom.anatomy.nasal > 0 else "OS",
        height=str(order.size[0]),
        width=str(order.size[1]),
        boundaries=f"boundaries/{stem}.csv" if order.details else "",
        finding_masks="; ".join(f"findings/masks/{slug}/{stem}.png" for slug in slugs),
    )


def _slug(name: str) -> str:
    """Return a finding's name as a folder's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a grey PNG; the same array gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # run lengths pack speckle as small as anything, and fastest
    _, encoded = cv2.imencode(
        ".png", image, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    )
    path.write_bytes(encoded.tobytes())


def _write_boundaries(path: Path, anatomy: Anatomy) -> None:
    """Write the depth of the bottom of each layer in every A-scan, pixels and µm from the top.

    The bottom of the vitreous is the inner limiting membrane.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["ILM", *(layer.name for layer in Layer if layer is not Layer.VITREOUS)]
    depths = anatomy.surfaces()
    columns = [np.arange(depths.shape[1]), anatomy.grid.x, *(depths / anatomy.grid.axial_um)]
    table = np.stack([*columns, *depths], axis=1)
    head = ["x_px", "x_um", *(f"{name}_px" for name in names), *(f"{name}_um" for name in names)]
    line = ",".join(["%d", "%.1f", *["%.2f"] * len(names), *["%.1f"] * len(names)])
    lines = [",".join(head), *(line % tuple(row) for row in table.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _move(draft: Path, target: Path, rows: tuple[CaseRow, ...]) -> None:
    """Move a finished deck into place, its table last; an older deck's files go first."""
    _clear(target)
    for name in filter(None, (path for row in rows for path in row.paths())):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft / name, target / name)
    os.replace(draft / TABLE, target / TABLE)


def _clear(target: Path) -> None:
    """Remove the files that an older deck's table names, the table first."""
    table = target / TABLE
    if not table.is_file():
        return
    columns = ("file", "mask", "boundaries", "finding_masks")
    with table.open(encoding="utf-8", newline="") as lines:
        listed = [
            (row.get(key) or "").split("; ") for row in csv.DictReader(lines) for key in columns
        ]
    table.unlink()
    for name in filter(None, (name for names in listed for name in names)):
        path = (target / name).resolve()
        if path.is_relative_to(target.resolve()):
            path.unlink(missing_ok=True)
