"""Which list of diagnoses a deck's labels belong to, and who can answer in it."""

from collections.abc import Iterable

from octtutor.core.scheme import OCT2017, Counterparts, SchemeVersion, find_counterparts
from octtutor.datasets.schemes.scheme_registry import Schemes
from octtutor.errors import BadInputError, ModelError
from octtutor.store.contract import DeckStore


def scheme_of(store: DeckStore, deck: str) -> SchemeVersion:
    """Return a deck's scheme; that of one which is not there is oct2017."""
    found = store.find_deck(deck)
    return found.scheme if found else OCT2017


def counterparts_of(
    network: SchemeVersion, scheme: SchemeVersion, schemes: Schemes
) -> Counterparts | None:
    """Return what a network's answers mean where other diagnoses than its own were asked.

    Args:
        network: the network's scheme.
        scheme: of what was asked.
        schemes: those at hand.

    Returns:
        None where they are its own.

    Raises:
        ModelError: nothing says what they mean, so that it is not to be asked.
    """
    if network == scheme:
        return None
    try:
        found = find_counterparts(schemes.of(network), schemes.of(scheme))
    except BadInputError as error:
        raise ModelError(str(error)) from error
    if found is None:
        raise ModelError(
            f"This network knows the diagnoses of {network.name[:64]!r}, not those of "
            f"{scheme.name[:64]!r}: it is not asked."
        )
    return found


def common_scheme(store: DeckStore, decks: Iterable[str]) -> SchemeVersion:
    """Return the scheme that decks have in common; of no deck, oct2017.

    Raises:
        BadInputError: they have several.
    """
    found = {deck: scheme_of(store, deck) for deck in decks}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{deck[:64]!r} {scheme.name}" for deck, scheme in found.items())
        raise BadInputError(
            f"Expected decks of one scheme. Received {listed}. Choose decks with the same one."
        )
    return next(iter(found.values()), OCT2017)
