"""The shipped network, loaded once."""

import pytest

from octtutor.model.network.backend import import_keras_quietly
from tests.conftest import MODEL


@pytest.fixture(scope="session")
def engine():
    import_keras_quietly()
    from octtutor.model.serve.engine import KerasEngine

    return KerasEngine.open(MODEL)
