"""What every store promises: five small contracts, and `Store`, which is all of them.

A use case asks for the smallest that it needs. The docstrings are the specification, and
`octtutor.testing.stores` is the suite that holds a store to it.
"""

from abc import abstractmethod
from contextlib import AbstractContextManager

from octtutor.store.contract.annotations import AnnotationStore
from octtutor.store.contract.attempts import AttemptStore
from octtutor.store.contract.decks import DeckStore
from octtutor.store.contract.people import PeopleStore
from octtutor.store.contract.sessions import SessionStore

__all__ = [
    "AnnotationStore",
    "AttemptStore",
    "DeckStore",
    "PeopleStore",
    "SessionStore",
    "Store",
]


class Store(PeopleStore, DeckStore, AttemptStore, SessionStore, AnnotationStore):
    """Records of people, decks, attempts, sessions and annotations.

    Every method, of whichever contract, is one transaction and may be called from any thread; what
    a thread calls within `transaction` is one transaction together.
    Values in and out are the frozen ones of `octtutor.core`; no database row leaves. Times are
    UTC-aware; a naive one raises ValueError or StoreError. `get_…` raises `StoreError` on a miss,
    `find_…` returns None. A name that others point to (a trainee's, a deck's, a session's) is
    refused with `StoreError` where there is none.
    """

    @abstractmethod
    def transaction(self, writes: bool = True) -> AbstractContextManager[None]:
        """Make one transaction of all that this thread calls within: all of it is written, or none.

        Others may have to wait until it ends, so it must be short, and ask nothing of the network,
        of a person or of a model. What a method raises must leave it.

        Args:
            writes: False where nothing is written within: then nobody waits.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""
