"""Several hosts on JAX: who is there, by the launcher's variables, and what they agree on.

Launchers name the coordinator in one of these ways; the first that is found counts:

- `JAX_COORDINATOR_ADDRESS` (host:port), `JAX_NUM_PROCESSES`, `JAX_PROCESS_ID` (Kubeflow Trainer);
- `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `…_NUM_PROCESSES`, `…_PROCESS_ID` (Keras's own);
- `COORDINATOR_ADDRESS`, `COORDINATOR_PORT`, `NUM_PROCESSES`, `PROCESS_ID` (Kubeflow JAXJob);
- SLURM's or Open MPI's, which JAX reads itself.

Nothing here imports Keras: hosts must have met before Keras wakes JAX.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.errors import SettingsError

_FAMILIES = (
    ("JAX_COORDINATOR_ADDRESS", None, "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"),
    (
        "KERAS_DISTRIBUTION_JOB_ADDRESSES",
        None,
        "KERAS_DISTRIBUTION_NUM_PROCESSES",
        "KERAS_DISTRIBUTION_PROCESS_ID",
    ),
    ("COORDINATOR_ADDRESS", "COORDINATOR_PORT", "NUM_PROCESSES", "PROCESS_ID"),
)
_LAUNCHERS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where the processes of a run meet."""

    coordinator: str | None
    """host:port of process 0; None where JAX finds it by the launcher itself."""
    processes: int | None = None
    process: int | None = None


def read_meeting(env: Mapping[str, str]) -> Meeting | None:
    """Read where to meet from the launcher's variables; None where this process is alone.

    Raises:
        SettingsError: the variables are incomplete, or no numbers.
    """
    for address, port, count, number in _FAMILIES:
        if not env.get(address):
            continue
        coordinator = env[address].split(",")[0]
        if port and env.get(port):
            coordinator = f"{coordinator}:{env[port]}"
        processes, process = _number(env, count), _number(env, number)
        if not process < processes:
            raise SettingsError(
                f"Expected {number} from 0 to {count} - 1. Received {process} of {processes}."
            )
        return Meeting(coordinator, processes, process) if processes > 1 else None
    if any(env.get(name, "").isdecimal() and int(env[name]) > 1 for name in _LAUNCHERS):
        return Meeting(None)
    return None


def _number(env: Mapping[str, str], name: str) -> int:
    value = env.get(name, "")
    if not value.isdecimal():
        raise SettingsError(
            f"Expected a number in {name}, beside the coordinator's address. Received "
            f"{value[:40]!r}. Let the launcher set it, or unset the address to train on one host."
        )
    return int(value)


def join_hosts() -> None:
    """Meet the other processes of this run, where a launcher started several.

    Raises:
        SettingsError: see `read_meeting`; or they do not come.
    """
    meeting = read_meeting(os.environ)
    if meeting is None:
        return
    import jax

    if jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize(meeting.coordinator, meeting.processes, meeting.process)
    except (RuntimeError, ValueError) as error:
        raise SettingsError(
            f"Expected the run's other processes at {meeting.coordinator or 'the launcher'}. "
            f"They cannot be met ({' '.join(str(error).split())[:200]}). Check the launcher."
        ) from error


def hosts() -> int:
    """Return how many processes train together."""
    jax = _jax()
    return jax.process_count() if jax else 1


def rank() -> int:
    """Return which of them this is; process 0 writes."""
    jax = _jax()
    return jax.process_index() if jax else 0


def share_of(batch: int) -> slice:
    """Return this process's part of a batch of so many scans; what cannot be shared is left out."""
    each = batch // hosts()
    return slice(rank() * each, (rank() + 1) * each)


def agree(values: Floats) -> Floats:
    """Return process 0's values in every process; all wait for each other here.

    Args:
        values: float64, of the same shape in all.
    """
    if hosts() == 1:
        return values
    from jax.experimental import multihost_utils

    # as bytes: JAX would make float32 of them
    facts = multihost_utils.broadcast_one_to_all(np.frombuffer(values.tobytes(), np.uint8))
    return np.frombuffer(np.asarray(facts).tobytes(), np.float64).reshape(values.shape)


def is_same_everywhere(value: float) -> bool:
    """Whether all processes gave the same value; all wait for each other here."""
    if hosts() == 1:
        return True
    from jax.experimental import multihost_utils

    found = multihost_utils.process_allgather(np.float32(value))
    return len(set(np.asarray(found).ravel().tolist())) == 1


def wait_for_all() -> None:
    """Wait until all processes are here."""
    agree(np.zeros(1))


def _jax() -> Any:
    """JAX where it trains here, else None; never imports it."""
    import sys

    if "jax" not in sys.modules or "keras" not in sys.modules:
        return None
    import keras

    return sys.modules["jax"] if keras.backend.backend() == "jax" else None
