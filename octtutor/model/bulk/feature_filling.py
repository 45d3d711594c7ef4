"""Fill the feature cache from a source of scans, here or by a cluster's workers."""

from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.sources import find_scans, open_source
from octtutor.model.bulk.batches import BATCH, Ready, Work, do_all
from octtutor.model.bulk.cluster import Cluster, send_featuring
from octtutor.model.network.pretrained import Backbone
from octtutor.model.network.scan_set import Progress
from octtutor.model.training.feature_cache import FeatureCache, Filler, Halves, row_kind


class Featuring(Work):
    """Asks a frozen backbone for the rows of the feature cache."""

    def __init__(self, backbone: Backbone, pooled: bool, known: Container[str]) -> None:
        """Take the backbone, the kind of row, and the SHA-256 of scans whose rows are there."""
        self._filler = Filler(backbone, row_kind(backbone, pooled), BATCH)
        how = backbone.how
        super().__init__(lambda picture: Ready(how.feed(picture)), lambda one: one not in known)

    def work(self, prepared: Pixels) -> npt.NDArray[Any]:
        """Return rows, float16 (n, h, w, c), or (n, 1, 1, c) where pooled."""
        return self._filler.rows(prepared)


def fill_cache(
    cache: FeatureCache,
    backbone: Backbone,
    data: Path,
    pooled: bool,
    progress: Progress | None = None,
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Keep a frozen backbone's features of scans; those that are there are not computed again.

    Args:
        cache: where they are kept.
        backbone: with its weights.
        data: folder, ZIP, tar or listing; labels are not needed.
        pooled: whether heads will average each feature map first.
        progress: called with (done, total).
        cluster: whose workers are to compute; the rows come back to this process.

    Returns:
        `key`, `backbone`, `scans`, `computed`, `unreadable` (names), `row_bytes`.

    Raises:
        BadInputError: there is no scan; or a cluster, and the scans are in an archive.
        SettingsError: the rows do not fit below the cap or on the disk.
    """
    kind = row_kind(backbone, pooled)
    known = cache.known(kind)
    make = (
        send_featuring(backbone, pooled, known)
        if cluster
        else partial(Featuring, backbone, pooled, known)
    )
    unreadable: list[str] = []
    computed: set[str] = set()

    def rows() -> Iterator[tuple[str, Halves]]:
        for member, done in do_all(make, members, progress, cluster):
            if done.fault:
                unreadable.append(member.name)
            elif done.values is not None and done.sha256 not in computed:
                computed.add(str(done.sha256))
                yield str(done.sha256), done.values

    with open_source(data) as found:
        members = find_scans(found, data)
        cache.add(kind, rows())
    return {
        "key": kind.key,
        "backbone": backbone.name,
        "scans": len(members) - len(unreadable),
        "computed": len(computed),
        "unreadable": unreadable,
        "row_bytes": kind.row_bytes,
    }
