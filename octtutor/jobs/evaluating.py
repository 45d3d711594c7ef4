"""Evaluations in processes of their own: start, follow, stop; each is a folder that outlives them.

python -m octtutor.jobs.evaluating FOLDER
"""

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pydantic.dataclasses
from filelock import Timeout

from octtutor.core.validation import read_json
from octtutor.datasets.images import write_atomically
from octtutor.datasets.schemes.naming import open_naming
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.errors import BadInputError, ModelError, OctTutorError, SettingsError
from octtutor.jobs.following import Following
from octtutor.jobs.job_folders import find_folder, in_turn, new_folder
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
from octtutor.model.explain.methods import DEFAULT_METHOD
from octtutor.model.measure.inspection import PICTURES
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import read_card

ORDER = "evaluation.json"
_UPLOAD = "upload"
"""The folder, within an evaluation's, of scans that are its own; removed when it ends."""
_CUT_OFF = "Its process was ended from outside, for want of memory perhaps. Evaluate again."
_log = logging.getLogger(__name__)
Clock = Callable[[], datetime]


@pydantic.dataclasses.dataclass(frozen=True, slots=True)
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
    deck: str = ""
    """Whose scans they are; empty where they are no deck's."""
    scheme: str = ""
    """Whose words the scans' labels are; empty: those of the model's scheme."""
    schemes: str = ""
    """The folder of one's own schemes; empty: there are none but those that ship."""


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
        folder = new_folder(self._root, self._clock())
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
        folder = find_folder(self._root, evaluation_id, ORDER)
        if folder is None:
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
                with in_turn(folder) as is_its_turn:
                    if not is_its_turn:
                        raise BadInputError("Stopped before it began.")
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
    order, first = _read_order(folder), replace(read_state(folder), status=RUNNING)
    first = replace(first, phase="loading the model", pid=os.getpid())
    follow = Following(folder, first, "Stopped. Nothing was kept.")
    model = Path(order.model)
    if read_card(model).weights_sha256 != order.model_sha256:
        raise ModelError(
            f"Expected the model {model.name!r} as it was ordered. It was replaced meanwhile. "
            "Evaluate again."
        )
    schemes = Schemes(Path(order.schemes) if order.schemes else None)
    import_keras_quietly()
    from octtutor.model.measure.inspecting import inspect

    facts = inspect(
        model,
        Path(order.data),
        folder,
        partial(follow.tell, "answering and explaining"),
        partial(follow.tell, "corrupted copies") if order.corrupted else None,
        synthetic=order.synthetic,
        method=order.method,
        title=order.title,
        naming=open_naming(schemes, order.scheme),
        schemes=schemes,
    )
    kept = ("n", "patients", "accuracy", "accuracy_ci", "weighted_error", "leaky")
    follow.end({key: facts[key] for key in kept})


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
    def refuse(why: object) -> BadInputError:
        return BadInputError(
            f"Expected {ORDER} in {folder.name!r}. It cannot be read ({why}). Evaluate again."
        )

    try:
        data = (folder / ORDER).read_bytes()
    except OSError as error:
        raise refuse(error) from error
    return read_json(EvaluationOrder, data, refuse)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1])))
