"""Bulk work on several hosts, by Ray Data: the same functions, mapped over the workers.

Workers need this program in the same version, and the scans under the same paths. Models and
backbones are sent to them. A worker that dies is replaced and its batches are done again.
"""

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from octtutor.datasets.member import Member
from octtutor.errors import BadInputError, SettingsError
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.network.card import CARD, FAMILIARITY, WEIGHTS

if TYPE_CHECKING:
    from octtutor.model.bulk.batches import Done, Work
    from octtutor.model.network.pretrained import Backbone

LOCAL = "local"
"""The address that starts a cluster on this machine, a worker a core."""
_MOST_BLOCKS = 2000


class Cluster:
    """A Ray cluster that this process is connected to."""

    def __init__(self, workers: int) -> None:
        """Use so many workers at most, each with a core of its own."""
        self._workers = workers

    def map(
        self, make: "Callable[[], Work]", members: Sequence[Member], batch: int
    ) -> "Iterator[tuple[Member, Done]]":
        """Do some work to all scans (see `do_all`); in order, though workers finish out of it.

        Raises:
            BadInputError: the scans are in an archive, which workers cannot open.
        """
        import ray

        packed = [member for member in members if member.file is None]
        if packed:
            raise BadInputError(
                "Expected scans that every worker can open: files, folders or lists. "
                f"{packed[0].name[:80]!r} is not. Unpack or download them to storage that all "
                "workers share."
            )
        rows = [{"index": i, "member": pickle.dumps(one)} for i, one in enumerate(members)]
        blocks = max(1, min(_MOST_BLOCKS, -(-len(rows) // batch)))
        workers = min(self._workers, blocks)
        # held here to the end, so that a worker that replaces a dead one finds it
        sent = ray.put(make)
        done = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            _Worker,
            fn_constructor_args=([sent],),
            batch_size=batch,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
            num_cpus=1,
        )
        waiting: dict[int, Done] = {}
        following = 0
        for row in done.iter_rows():
            waiting[int(row["index"])] = pickle.loads(row["done"])
            while following in waiting:
                yield members[following], waiting.pop(following)
                following += 1


class _Worker:
    """An actor: makes its work once, then is given batches."""

    def __init__(self, sent: list[Any]) -> None:
        import ray

        self._work = ray.get(sent[0])()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        members = [pickle.loads(one) for one in batch["member"]]
        done = [pickle.dumps(one) for one in self._work(members)]
        return {"index": batch["index"], "done": np.array(done, dtype=object)}


@contextmanager
def connected(address: str | None) -> Iterator[Cluster | None]:
    """Connect to a Ray cluster; None gives None.

    Args:
        address: of its head (`host:port`, `auto`), or `local`, which starts one here.

    Raises:
        SettingsError: Ray is not installed, or nobody answers there.
    """
    if address is None:
        yield None
        return
    # libraries read these when they are imported; the workers inherit them
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(
            "Expected Ray for --cluster. It is not installed. Install it: pip install "
            "'octtutor[cluster]'."
        ) from error
    _check_address(address)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with ExitStack() as stack:
        _connect(ray, address, stack)
        stack.callback(ray.shutdown)
        ray.data.DataContext.get_current().enable_progress_bars = False
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        yield Cluster(int(resources.get("CPU", 1)))


def _check_address(address: str) -> None:
    """Refuse an address at which nobody answers; Ray itself would try for ever."""
    if address in (LOCAL, "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"Expected a Ray cluster at {address[:80]!r}. It cannot be reached "
        f"({' '.join(str(error).split())[:200]}). Start one with `ray start --head`, or give "
        "--cluster local."
    )


def _connect(ray: Any, address: str, stack: ExitStack) -> None:
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    own = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    quiet["runtime_env"] = {"env_vars": {**own, "TF_CPP_MIN_LOG_LEVEL": "3"}}
    try:
        if address == LOCAL:
            place = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="octtutor-ray-", ignore_cleanup_errors=True)
            )
            ray.init(include_dashboard=False, _temp_dir=place, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:
        raise _unreachable(address, error) from error


def send_answering(folder: Path, only: frozenset[str] | None = None) -> "Callable[[], Work]":
    """Pack a model folder into a maker of `Answering` that works in any process."""
    parts = [name for name in (CARD, WEIGHTS, FAMILIARITY) if (folder / name).is_file()]
    files = {name: (folder / name).read_bytes() for name in parts}
    return partial(_make_answering, files, only)


def _make_answering(files: dict[str, bytes], only: frozenset[str] | None) -> "Work":
    import_keras_quietly()
    from octtutor.model.bulk.batches import Answering

    with tempfile.TemporaryDirectory(prefix="octtutor-model-") as place:
        for name, data in files.items():
            (Path(place) / name).write_bytes(data)
        return Answering(Path(place), only)


def send_featuring(
    backbone: "Backbone", pooled: bool, known: frozenset[str]
) -> "Callable[[], Work]":
    """Pack a backbone into a maker of `Featuring` that works in any process."""
    weights = [np.asarray(array) for array in backbone.network.get_weights()]
    return partial(_make_featuring, backbone.facts, backbone.how, weights, pooled, known)


def _make_featuring(
    facts: dict[str, str],
    how: Any,
    weights: list[Any],
    pooled: bool,
    known: frozenset[str],
) -> "Work":
    import_keras_quietly()
    from octtutor.model.bulk.feature_filling import Featuring
    from octtutor.model.network.backbones import build_backbone, settle
    from octtutor.model.network.pretrained import Backbone

    network = build_backbone(facts["name"], how.size)
    network.set_weights(weights)
    settle(network)
    return Featuring(Backbone(network, facts, how), pooled, known)
