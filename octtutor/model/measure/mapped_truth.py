"""Truths in the words of a network: its own, or those of another scheme as far as they map."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from octtutor.core.scheme import OCT2017, Counterparts, Scheme, find_counterparts
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME, Schemes
from octtutor.datasets.sources import scans_of
from octtutor.errors import BadInputError
from octtutor.model.bulk.batches import Done
from octtutor.model.network.card import Card


class MappedTruth:
    """Translates scans one by one, and counts what maps and what does not."""

    def __init__(self, naming: Naming | None = None, network: Scheme = OCT2017_SCHEME) -> None:
        """Take what the words beside the scans mean, and what the network knows.

        Args:
            naming: None: the keys of oct2017 alone for a network of it, else the words of its
                scheme.
            network: the scheme of the network.

        Raises:
            BadInputError: no mapping between both schemes is declared.
        """
        self.network, self.is_told = network, naming is not None
        self.naming = naming or (None if network.stamp == OCT2017 else Naming(network))
        self._scheme = self.naming.scheme if self.naming else network
        self._counterparts = _counterparts(network, self._scheme)
        self._counted: Counter[str] = Counter()
        self._left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def scans(self, members: tuple[Member, ...], data: Path) -> list[Member]:
        """Return the labelled scans of a source (see `scans_of` for what it raises)."""
        return scans_of(members, data, self.naming)

    def word_for(self, member: Member) -> str | None:
        """Return the network's key for a scan's truth; None: it has none, or several."""
        return self._counterparts.word_for(str(member.place.label))

    def translate(self, member: Member, done: Done) -> Member:
        """Return a scan with the network's key for its truth, and without one where it has none.

        Args:
            member: with a key of the scheme.
            done: what the network answered; a scan without an answer is not counted.
        """
        key, word = str(member.place.label), self.word_for(member)
        if done.values is not None and word:
            self._counted[key] += 1
        elif done.values is not None:
            self._left_out[key][self.network.keys[int(done.values.argmax())]] += 1
        return replace(member, known=replace(member.place, label=word))

    def refuse_none(self, data: Path) -> None:
        """Refuse scans of which none maps.

        Raises:
            BadInputError: there was a scan, so that it is for want of words of the network's.
        """
        if self._left_out:
            raise BadInputError(
                f"Expected scans in {data.name!r} that a network of {self.network.name!r} has "
                f"one word for. Received {', '.join(sorted(self._left_out))}. Add others."
            )

    def facts(self) -> dict[str, Any]:
        """Return `mapping` of `octtutor evaluate --json`: by key, in the order of the scheme.

        `counted` has how many scans were measured and the network's key for them; `left_out`, how
        many could be neither right nor wrong, and what the network answered to them. Empty where
        nobody told a scheme.
        """
        if not self.is_told:
            return {}
        keys = self._scheme.keys
        told = {
            "scheme": self._scheme.name,
            "counted": {
                key: {"n": self._counted[key], "as": self._counterparts.word_for(key)}
                for key in keys
                if key in self._counted
            },
            "left_out": {
                key: {"n": self._left_out[key].total(), "answers": dict(self._left_out[key])}
                for key in keys
                if key in self._left_out
            },
        }
        return {"mapping": told}


def scheme_of_card(card: Card, schemes: Schemes) -> Scheme:
    """Return the scheme of a network.

    Raises:
        BadInputError: it is not at hand, or its keys are others than the card's.
    """
    scheme = schemes.of(card.scheme)
    if scheme.keys != card.labels:
        raise BadInputError(
            f"Expected the scheme {scheme.name!r} with the diagnoses of the model {card.name!r}: "
            f"{', '.join(card.labels)}. Received {', '.join(scheme.keys)}. Put that file back."
        )
    return scheme


def _counterparts(network: Scheme, scheme: Scheme) -> Counterparts:
    if scheme.stamp == network.stamp:
        return Counterparts(frozenset((key, key) for key in network.keys))
    found = find_counterparts(network, scheme)
    if found is None:
        raise BadInputError(
            f"Expected a mapping from the scheme {scheme.name!r} to {network.name!r}. "
            f"None is declared. Declare [mapping.{network.name}] in {scheme.name}.toml."
        )
    return found
