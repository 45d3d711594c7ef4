"""Which list of diagnoses a deck's labels belong to, and who can answer in it."""

from octtutor.core.scheme import OCT2017, Counterparts, SchemeVersion, find_counterparts
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.errors import BadInputError, ModelError
from octtutor.store.contract import DeckStore


def scheme_of(store: DeckStore, deck: str) -> SchemeVersion:
    """Return a deck's scheme; that of one which is not there is oct2017."""
    found = store.find_deck(deck)
    return found.scheme if found else OCT2017


def counterparts_of(scheme: SchemeVersion, schemes: Schemes) -> Counterparts | None:
    """Return what a network's answers mean where other diagnoses than its own were asked.

    Args:
        scheme: of what was asked.
        schemes: those at hand.

    Returns:
        None where they are its own.

    Raises:
        ModelError: nothing says what they mean, so that it is not to be asked.
    """
    if scheme.name == OCT2017.name:
        return None
    try:
        found = find_counterparts(schemes.of(OCT2017), schemes.of(scheme))
    except BadInputError as error:
        raise ModelError(str(error)) from error
    if found is None:
        raise ModelError(
            f"This network knows the diagnoses of {OCT2017.name!r}, not those of "
            f"{scheme.name[:64]!r}: it is not asked."
        )
    return found


def require_oct2017(store: DeckStore, deck: str) -> None:
    """Refuse a deck where only the four diagnoses of OCT2017 are understood.

    Raises:
        BadInputError: it has another scheme.
    """
    scheme = scheme_of(store, deck)
    if scheme.name != OCT2017.name:
        raise BadInputError(
            f"Expected a deck of the scheme {OCT2017.name!r}. {deck[:64]!r} has the scheme "
            f"{scheme.name[:64]!r}, which is not understood here yet. Choose another deck."
        )
