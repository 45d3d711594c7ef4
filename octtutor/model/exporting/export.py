"""Write a model for another program; checked before it is there."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import octtutor.phantom
from octtutor.datasets.decode import Pixels
from octtutor.datasets.sources import find_scans, open_source
from octtutor.errors import BadInputError, BadScanError, ModelError, OctTutorError, SettingsError
from octtutor.model.exporting.checking import Check, check
from octtutor.model.exporting.export_draft import FLOAT32, INT8, ExportDraft, Format, quiet
from octtutor.model.exporting.export_engine import ExportedEngine
from octtutor.model.exporting.facts import describe
from octtutor.model.network.card import WEIGHTS
from octtutor.model.network.scan_set import Progress, no_readable_scan
from octtutor.model.serve.engine import KerasEngine

DECK = Path(octtutor.phantom.__file__).parent / "deck"
"""The synthetic scans that come with the program."""
MOST_CALIBRATION = 200
"""Scans; more do not change the ranges that int8 is fitted to."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that passed its check; sizes in bytes."""

    name: str
    format: str
    quantise: str
    out: Path
    size: int
    keras_size: int
    checked_on: str
    check: Check

    def as_json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        facts = asdict(self)
        return {**facts, "out": str(self.out), "check": asdict(self.check)}


@dataclass(frozen=True, slots=True)
class ExportScans:
    """Where scans are taken from: for int8's ranges, and for the check."""

    calibration: Path = DECK
    test: Path = DECK


def export_model(
    folder: Path,
    form: Format,
    out: Path | None,
    quantise: str = FLOAT32,
    scans: ExportScans = ExportScans(),
    progress: Progress | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Export a model, or write nothing.

    Args:
        folder: the model's.
        form: the format, of `FORMATS` (see `find_format`).
        out: the file or folder to make, or a folder to put the file into; by default a name
            made from the model's, here.
        quantise: one of the format's.
        scans: for calibration and check.
        progress: called with (done, total) while the export is checked.
        on_step: called with what is being done.

    Raises:
        BadInputError: something is at the place already, it cannot be written, or there are no
            scans.
        ModelError: the model cannot be loaded or converted, or the export does not answer as it
            does.
        SettingsError: Keras runs on another backend than TensorFlow.
    """
    _need_tensorflow()
    engine = KerasEngine.open(folder)
    target = place_of(form, out, folder.resolve().name, quantise)
    with open_source(scans.test) as members:
        find_scans(members, scans.test)  # now, not after minutes of work
    with _workshop(target) as room:
        draft = _draft(engine, quantise, scans.calibration)
        made = room / target.name
        on_step(f"writing {form.name}, {quantise}")
        _write(form, draft, made)
        on_step("checking it")
        checked = check(engine, ExportedEngine(*form.open(made)), scans.test, progress)
        checked.refuse(quantise)
        size = _size(made)
        os.replace(made, target)
    return Exported(
        name=engine.card.name,
        format=form.name,
        quantise=quantise,
        out=target,
        size=size,
        keras_size=(folder / WEIGHTS).stat().st_size,
        checked_on="the embedded phantom deck" if scans.test == DECK else str(scans.test),
        check=checked,
    )


def place_of(form: Format, out: Path | None, name: str, quantise: str) -> Path:
    """Return the file or folder that an export is to be.

    Raises:
        BadInputError: something is there already, or the ending is not the format's.
    """
    usual = f"{name}{'' if quantise == FLOAT32 else f'-{quantise}'}{form.suffix}"
    target = Path(usual) if out is None else out
    if target.is_dir() and not form.is_folder:
        target = target / usual
    if target.exists() and not (target.is_dir() and form.is_folder and not any(target.iterdir())):
        raise BadInputError(
            f"Expected a new place for the export. {str(target)!r} is there already. Choose "
            "another with --out, or remove it first."
        )
    if not form.is_folder and target.suffix != form.suffix:
        raise BadInputError(
            f"Expected a file ending in {form.suffix}. Received {str(target)!r}. Choose another "
            "name with --out."
        )
    return target


def _need_tensorflow() -> None:
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise SettingsError(
            f"Expected Keras on TensorFlow for an export. Received KERAS_BACKEND={backend}. Run "
            "it again with KERAS_BACKEND=tensorflow."
        )


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside the target, on its disk, and remove it afterwards."""
    room: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        yield room
    except OSError as error:
        raise BadInputError(
            f"Cannot write the export {str(target)!r}: {error.strerror or error}. Choose another "
            "place, or free some space."
        ) from error
    finally:
        if room is not None:
            shutil.rmtree(room, ignore_errors=True)


def _draft(engine: KerasEngine, quantise: str, calibration: Path) -> ExportDraft:
    none = np.zeros((0, engine.how.size, engine.how.size), np.uint8)
    prepared = _prepare_all(engine, calibration) if quantise == INT8 else none
    facts = describe(engine.card, engine.network, quantise)
    return ExportDraft(engine.network, engine.how, facts, quantise, prepared)


def _prepare_all(engine: KerasEngine, data: Path) -> Pixels:
    """Read scans evenly over the source, at most `MOST_CALIBRATION`: uint8 (n, s, s)."""
    prepared, unreadable = [], 0
    with open_source(data) as members:
        wanted = find_scans(members, data)
        chosen = np.linspace(0, len(wanted) - 1, min(len(wanted), MOST_CALIBRATION)).astype(int)
        for index in chosen:
            try:
                member = wanted[index]
                prepared.append(engine.prepare(member.picture(member.read())))
            except BadScanError:
                unreadable += 1
    if not prepared:
        raise no_readable_scan(data, unreadable)
    return np.stack(prepared)


def _write(form: Format, draft: ExportDraft, made: Path) -> None:
    try:
        with quiet():
            form.write(draft, made)
    except (OctTutorError, OSError):
        raise
    except Exception as error:  # converters raise whatever they like
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"Expected a network that {form.name} can hold. Its converter says: {first[:160]}. "
            "Nothing was written. Choose another format."
        ) from error


def _size(made: Path) -> int:
    files = [made] if made.is_file() else [path for path in made.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)
