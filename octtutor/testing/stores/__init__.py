"""The suite that every store passes: somebody else's too.

A test module of theirs runs it with a class and a fixture, and nothing else:

    import pytest
    from octtutor.testing.stores.suite import StoreSuite

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def store(self, tmp_path):
            opened = MyStore(tmp_path)
            yield opened
            opened.close()

`PeopleSuite`, `DeckSuite` and so on, each in a module beside this, try one contract alone.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("annotations", "attempts", "decks", "people", "sessions"))
)
