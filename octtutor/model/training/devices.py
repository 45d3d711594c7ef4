"""Several devices: training shares each batch out over them, and the network comes back to one.

On TensorFlow these are the GPUs of this host (`MirroredStrategy`), on JAX all devices of all
hosts (`keras.distribution.DataParallel`). A batch has the same scans however many devices there
are. On JAX batch normalisation sees the whole batch, so the result is one device's; on several
GPUs under TensorFlow each normalises its own part.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import keras
from keras import ops

from octtutor.model.network.network import Network

Result = TypeVar("Result")


def on_all_devices(network: Network, train: Callable[[Network], Result]) -> Result:
    """Train a network on all devices; afterwards it has the weights that were reached.

    Args:
        network: on one device; where there is no other, it is trained itself.
        train: trains the network it is given.

    Returns:
        What `train` returns.
    """
    with _spread() as several:
        if not several:
            return train(network)
        twin = Network(
            keras.models.clone_model(network.backbone), keras.models.clone_model(network.head)
        )
        _copy(network, twin)
        result = train(twin)
        _copy(twin, network)
        return result


def share_out(model: keras.Model, batch: Sequence[Any]) -> Sequence[Any]:
    """Part a batch among the model's replicas in this process.

    Args:
        model: where it is `MirroredStrategy`'s, there are several.
        batch: arrays of as many rows; rows that cannot be shared evenly are left out.

    Returns:
        The batch as it is where there is one replica, else a value for each replica.
    """
    count = _replicas(model)
    if count == 1:
        return batch
    strategy, each = model.distribute_strategy, len(batch[0]) // count

    def part_of(array: Any) -> Any:
        def part(context: Any) -> Any:
            start = context.replica_id_in_sync_group * each
            return ops.convert_to_tensor(array[start : start + each])

        return strategy.experimental_distribute_values_from_function(part)

    return [part_of(array) for array in batch]


def _replicas(model: keras.Model) -> int:
    strategy = getattr(model, "distribute_strategy", None)
    return int(strategy.num_replicas_in_sync) if strategy else 1


def _copy(source: Network, target: Network) -> None:
    """Copy all variables, those of the random numbers of dropout too."""
    pairs = ((source.backbone, target.backbone), (source.head, target.head))
    for theirs, ours in pairs:
        for variable, value in zip(ours.variables, theirs.variables, strict=True):
            variable.assign(ops.convert_to_numpy(value))


@contextmanager
def _spread() -> Iterator[bool]:
    """Networks built inside are on all devices; yields whether there is more than one."""
    if keras.backend.backend() == "jax":
        with _data_parallel() as several:
            yield several
        return
    devices = _tensorflow_devices()
    if len(devices) < 2:
        yield False
        return
    with _mirrored(devices).scope():
        yield True


@cache
def _mirrored(devices: tuple[str, ...]) -> Any:
    # one for all runs of a process: a second one would count its sums from the start again, and
    # TensorFlow would mix them up with the first one's
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


@contextmanager
def _data_parallel() -> Iterator[bool]:
    devices = keras.distribution.list_devices()
    if len(devices) < 2:
        yield False
        return
    before = keras.distribution.distribution()
    # each process is given its own share of a batch already
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    )
    try:
        yield True
    finally:
        keras.distribution.set_distribution(before)


def _tensorflow_devices() -> tuple[str, ...]:
    """Return the GPUs, or the logical CPUs where somebody made several."""
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tuple(device.name for device in found)
