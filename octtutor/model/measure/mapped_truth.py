"""Truths of another scheme in the network's words, as far as it has one for each."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from octtutor.core.diagnosis import LABELS
from octtutor.core.scheme import Counterparts, find_counterparts
from octtutor.datasets.member import Member
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.model.bulk.batches import Done


class MappedTruth:
    """Translates scans one by one, and counts what maps and what does not."""

    def __init__(self, naming: Naming) -> None:
        """Take what the words beside the scans mean.

        Raises:
            BadInputError: no mapping between its scheme and that of the networks is declared.
        """
        self.naming, scheme = naming, naming.scheme
        same = Counterparts(frozenset((key, key) for key in OCT2017_SCHEME.keys))
        found = (
            same
            if scheme.stamp == OCT2017_SCHEME.stamp
            else find_counterparts(OCT2017_SCHEME, scheme)
        )
        if found is None:
            raise BadInputError(
                f"Expected a mapping from the scheme {scheme.name!r} to {OCT2017_SCHEME.name!r}. "
                f"None is declared. Declare [mapping.{OCT2017_SCHEME.name}] in {scheme.name}.toml."
            )
        self._counterparts = found
        self._counted: Counter[str] = Counter()
        self._left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def translate(self, member: Member, done: Done) -> Member:
        """Return a scan with the network's key for its truth, and without one where it has none.

        Args:
            member: with a key of the scheme.
            done: what the network answered; a scan without an answer is not counted.
        """
        key = str(member.place.label)
        word = self._counterparts.word_for(key)
        if done.values is not None and word:
            self._counted[key] += 1
        elif done.values is not None:
            self._left_out[key][str(LABELS[int(done.values.argmax())])] += 1
        return replace(member, known=replace(member.place, label=word))

    def refuse_none(self, data: Path) -> None:
        """Refuse scans of which none maps.

        Raises:
            BadInputError: there was a scan, so that it is for want of words of the network's.
        """
        if self._left_out:
            raise BadInputError(
                f"Expected scans in {data.name!r} that a network of {OCT2017_SCHEME.name!r} has "
                f"one word for. Received {', '.join(sorted(self._left_out))}. Add others."
            )

    def facts(self) -> dict[str, Any]:
        """Return `mapping` of `octtutor evaluate --json`: by key, in the order of the scheme.

        `counted` has how many scans were measured and the network's key for them; `left_out`, how
        many could be neither right nor wrong, and what the network answered to them.
        """
        keys = self.naming.scheme.keys
        return {
            "scheme": self.naming.scheme.name,
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
