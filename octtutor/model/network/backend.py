"""Imports Keras, and with it TensorFlow, without the start-up chatter of its C++ parts."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from octtutor.model.network.hosts import join_hosts

_CHATTER = ("WARNING: All log messages before absl", "I0000 ", "W0000 ")
_NO_GPU = "failed call to cuInit"


def import_keras_quietly() -> None:
    """Import Keras; lines that TensorFlow prints about itself are dropped, all others kept."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it counts our networks as a fault
    if "keras" not in sys.modules:
        if os.environ.get("KERAS_BACKEND") == "jax":
            join_hosts()
        with _without_chatter():
            import keras

            if keras.backend.backend() == "tensorflow":
                keras.ops.zeros(1)  # looks for devices, which has its own chatter


@contextmanager
def _without_chatter() -> Iterator[None]:
    # the messages come from C++ before any setting is read, straight to file descriptor 2
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines(keepends=True)
            sys.stderr.writelines(line for line in lines if not _is_chatter(line))


def _is_chatter(line: str) -> bool:
    return line.startswith(_CHATTER) or _NO_GPU in line
