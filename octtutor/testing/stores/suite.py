"""All that a store promises."""

from octtutor.testing.stores.annotations import AnnotationSuite
from octtutor.testing.stores.attempts import AttemptSuite
from octtutor.testing.stores.decks import DeckSuite
from octtutor.testing.stores.people import PeopleSuite
from octtutor.testing.stores.sessions import SessionSuite


class StoreSuite(PeopleSuite, DeckSuite, AttemptSuite, SessionSuite, AnnotationSuite):
    """Needs a fixture `store`, an empty `Store` that tests may call from many threads."""
