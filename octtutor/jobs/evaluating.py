"""Evaluations in processes of their own: start, follow, stop; each is a folder that outlives them.

python -m octtutor.jobs.evaluating FOLDER
"""

import json
import logging
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from octtutor.datasets.images import write_atomically
from octtutor.errors import BadInputError, ModelError, OctTutorError, SettingsError
from octtutor.jobs.spawning import PRIORITY, spawn
from octtutor.jobs.state import (
    CUT_OFF,
    DONE,
    FAILED,
    LOG,
    RUNNING,
    STOP,
    WAITING,
    State,
    living,
    read_state,
    write_state,
)
from octtutor.model.backend import import_keras_quietly
from octtutor.model.card import read_card
from octtutor.model.explaining import DEFAULT_METHOD
from octtutor.model.inspection import PICTURES

ORDER = "evaluation.json"
_UPLOAD = "upload"
"""The folder, within an evaluation's, of scans that are its own; removed when it ends."""
_EVERY = 0.5
"""Seconds between two states on disk."""
_CUT_OFF = "Its process was ended from outside, for want of memory perhaps. Evaluate again."
_log = logging.getLogger(__name__)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """What an educator ordered."""

    title: str
    """What the scans are called."""
    model: str
    """The model's folder."""
    data: str
    """Folder, archive or listing."""
    model_sha256: str = ""
    """Of the weights when it was ordered."""
    synthetic: bool | None = None
    """Whether the scans are computer-made; None: as their `cases.csv` says."""
    corrupted: bool = False
    method: str = DEFAULT_METHOD
    """Of the maps."""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An evaluation: its folder, what was ordered, and how far it is."""

    id: str
    folder: Path
    order: EvaluationOrder
    state: State

    @property
    def is_at_work(self) -> bool:
        """Whether it waits or runs."""
        return self.state.status in (WAITING, RUNNING)

    @property
    def is_done(self) -> bool:
        """Whether there is something to show."""
        return self.state.status == DONE


class Evaluations:
    """The evaluations of one server. Any number of processes may use the same folder at once."""

    def __init__(self, root: Path, clock: Clock, env: Mapping[str, str] | None = None) -> None:
        """Use a folder, made at the first `start`. `env` is added to an evaluation's process."""
        self._root, self._clock, self._env = root, clock, dict(env or {})

    def start(self, order: EvaluationOrder, upload: Path | None = None) -> Ordered:
        """Start an evaluation; it waits while another runs.

        Args:
            order: what is wanted.
            upload: scans to take instead of `order.data`; the file is moved, and removed at the
                end.

        Raises:
            ModelError: the model is gone or damaged.
            SettingsError: nothing can be written.
        """
        folder = self.prepare(order, upload)
        spawn("octtutor.jobs.evaluating", folder, {**os.environ, **self._env})
        return self.get(folder.name)

    def prepare(self, order: EvaluationOrder, upload: Path | None = None) -> Path:
        """Write an evaluation's folder without starting it (see `start`); return the folder."""
        order = replace(order, model_sha256=read_card(Path(order.model)).weights_sha256)
        stamp = self._clock().strftime("%Y%m%d-%H%M%S")
        folder = self._root / f"{stamp}-{uuid.uuid4().hex[:6]}"
        if upload is not None:
            order = replace(order, data=str(_move(upload, folder / _UPLOAD)))
        write_atomically(folder / ORDER, json.dumps(asdict(order)).encode())
        now = self._clock().isoformat()
        write_state(folder, State(status=WAITING, queued_at=now, updated_at=now))
        return folder

    def stop(self, evaluation_id: str) -> None:
        """Ask an evaluation to stop; nothing of it is kept."""
        (self.get(evaluation_id).folder / STOP).touch()

    def remove(self, evaluation_id: str) -> None:
        """Remove an evaluation with all its pictures.

        Raises:
            BadInputError: it is at work.
        """
        found = self.get(evaluation_id)
        if found.is_at_work:
            raise BadInputError(
                f"Expected an evaluation that has ended. {found.order.title!r} is at work. Stop "
                "it first."
            )
        shutil.rmtree(found.folder, ignore_errors=True)

    def get(self, evaluation_id: str) -> Ordered:
        """Return an evaluation.

        Raises:
            BadInputError: there is none.
        """
        folder = self._root / evaluation_id
        plain = Path(evaluation_id).name == evaluation_id and not evaluation_id.startswith(".")
        if not evaluation_id or not plain or not (folder / ORDER).is_file():
            raise BadInputError(
                f"There is no evaluation {evaluation_id[:60]!r} (any more). Choose another."
            )
        state = read_state(folder)
        if state.status == CUT_OFF:
            state = replace(state, message=_CUT_OFF)
        return Ordered(evaluation_id, folder, _read_order(folder), state)

    def all(self) -> tuple[Ordered, ...]:
        """Return every evaluation that can be read, the newest first."""
        found = []
        for folder in sorted(self._root.glob("[!.]*"), reverse=True):
            with suppress(BadInputError):
                found.append(self.get(folder.name))
        return tuple(found)


def main(folder: Path) -> int:
    """Evaluate as ordered; return the exit status."""
    os.nice(PRIORITY)
    try:
        with living(folder):
            try:
                with _turn(folder):
                    _evaluate(folder)
            finally:
                shutil.rmtree(folder / _UPLOAD, ignore_errors=True)
    except Timeout:
        _log.warning("another process has this evaluation already")
        return 1
    except OctTutorError as error:
        return _fail(folder, " ".join(str(error).split()))
    except Exception as error:
        _log.exception("the evaluation failed")
        return _fail(folder, f"The program failed ({type(error).__name__}). {LOG} has the details.")
    return 0


def _evaluate(folder: Path) -> None:
    order, follow = _read_order(folder), _Follow(folder)
    follow.begin("loading the model")
    model = Path(order.model)
    if read_card(model).weights_sha256 != order.model_sha256:
        raise ModelError(
            f"Expected the model {model.name!r} as it was ordered. It was replaced meanwhile. "
            "Evaluate again."
        )
    import_keras_quietly()
    from octtutor.model.inspecting import inspect

    told = inspect(
        model,
        Path(order.data),
        folder,
        follow.of("answering and explaining"),
        follow.of("corrupted copies") if order.corrupted else None,
        synthetic=order.synthetic,
        method=order.method,
        title=order.title,
    )
    kept = ("n", "patients", "accuracy", "accuracy_ci", "weighted_error", "leaky")
    follow.end({key: told[key] for key in kept})


class _Follow:
    """Writes how far an evaluation is, and ends it when somebody asks for that."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._state = folder, read_state(folder)
        self._written = self._begun = 0.0
        self._phase, self._first = "", 0

    def of(self, phase: str) -> Callable[[int, int], None]:
        """Return a progress function of a part of the work."""

        def progress(done: int, total: int) -> None:
            if phase != self._phase:
                self._phase, self._begun, self._first = phase, time.monotonic(), done
            if (self._folder / STOP).exists():
                raise BadInputError("Stopped. Nothing was kept.")
            if time.monotonic() - self._written >= _EVERY or done == total:
                self._tell(phase, done, total)

        return progress

    def _tell(self, phase: str, done: int, total: int) -> None:
        self._written = time.monotonic()
        seconds = self._written - self._begun
        pace = (done - self._first) / seconds if seconds > 0 else 0.0
        left = (total - done) / pace if pace else None
        self._write(phase=phase, step=done, steps=total, scans_per_second=pace, seconds_left=left)

    def begin(self, phase: str) -> None:
        self._write(status=RUNNING, phase=phase, pid=os.getpid())

    def end(self, outcome: dict[str, object]) -> None:
        self._write(status=DONE, phase="", seconds_left=None, outcome=outcome)

    def _write(self, **changes: object) -> None:
        now = datetime.now(UTC).isoformat()
        self._state = replace(self._state, updated_at=now, **changes)  # type: ignore[arg-type]
        write_state(self._folder, self._state)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other evaluation of this server runs."""
    lock = FileLock(folder.parent / ".turn.lock")
    while True:
        if (folder / STOP).exists():
            raise BadInputError("Stopped before it began.")
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


def _fail(folder: Path, message: str) -> int:
    _log.error("%s", message)
    shutil.rmtree(folder / PICTURES, ignore_errors=True)
    with suppress(OctTutorError):  # a disk that is full may have no room for this either
        state = read_state(folder)
        write_state(folder, replace(state, status=FAILED, message=message, seconds_left=None))
    return 1


def _move(upload: Path, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True)
        return Path(shutil.move(upload, folder / upload.name))
    except OSError as error:
        raise SettingsError(
            f"Cannot write into {str(folder.parent.parent)!r}: {error.strerror}. Free some space."
        ) from error


def _read_order(folder: Path) -> EvaluationOrder:
    try:
        raw = json.loads((folder / ORDER).read_text("utf-8"))
        known = {field.name for field in fields(EvaluationOrder)}
        return EvaluationOrder(**{key: value for key, value in raw.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInputError(
            f"Expected {ORDER} in {folder.name!r}. It cannot be read ({error}). Evaluate again."
        ) from error


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1])))
