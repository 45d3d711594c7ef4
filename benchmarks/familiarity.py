"""Does the warning "this does not look like an OCT B-scan" come where it should, and only there?

    python benchmarks/familiarity.py [--json] [--methods] [--pictures DIR]

Needs scans (OCT2017's test/ and, for --methods, train/) in ../shared/oct2017, or --data and
--train; and scikit-image, whose pictures it shows: pip install scikit-image. Shares have Wilson's
95 % intervals; those of scans rest on scans, not on patients.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from no_scans import CHOSEN_ON, FRESH, Picture, crops, drawn, from_folder, from_packages
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from octtutor.datasets.fill import without_fill
from octtutor.datasets.sources import open_source, scans_of
from octtutor.model.network.backend import import_keras_quietly
from octtutor.model.ood.non_scans import APART, LEARNED, draw_all
from octtutor.stats.intervals import wilson

SHARED = Path(__file__).parents[2] / "shared" / "oct2017"
DECK = Path(__file__).parents[1] / "octtutor" / "phantom" / "deck"
BATCH = 32
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
TURNED: dict[str, Callable[[Pixels], Pixels]] = {
    "upside down": lambda scan: scan[::-1],
    "turned by 90 degrees": lambda scan: scan.T,
    "negative": lambda scan: 255 - scan,
    "middle half of the width": lambda scan: scan[:, scan.shape[1] // 4 : 3 * scan.shape[1] // 4],
    "a piece of 150 x 150 pixels": lambda scan: scan[150:300, 150:300],
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Pooled feature maps, float32 (n, c), and logits, float32 (n, 4)."""

    pooled: Floats
    logits: Floats


Embed = Callable[[Floats], Floats]
Score = Callable[[Shown], Floats]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", default="default", help="a model's name or folder")
    parser.add_argument("--data", type=Path, default=SHARED / "test", help="scans to be passed")
    parser.add_argument("--pictures", type=Path, help="a folder of more pictures that are no scan")
    parser.add_argument("--methods", action="store_true", help="compare methods too")
    parser.add_argument("--train", type=Path, default=SHARED / "train", help="for --methods")
    parser.add_argument("--each", type=int, default=8, help="drawn pictures of a kind, default 8")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(
            f"Expected scans in {arguments.data}. Put scans of OCT2017 there, in CNV/, DME/, "
            "DRUSEN/, NORMAL/ (doi 10.17632/rscbjbr9sj), or give --data."
        )
    figures = measure(arguments)
    print(json.dumps(figures, indent=2)) if arguments.json else print_table(figures)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the shares that pass and that are flagged."""
    import_keras_quietly()
    from octtutor.model.ood.ood_score import open_ood_detector
    from octtutor.model.serve.engine import KerasEngine
    from octtutor.model.serve.model_registry import find_model
    from octtutor.wiring import read_settings

    folder = find_model(arguments.model, read_settings().model_folders)
    engine, gauge = KerasEngine.open(folder), open_ood_detector(folder)
    if gauge is None:
        sys.exit(f"Expected a model that tells unfamiliar scans. {folder.name!r} does not.")
    show = Viewer(engine).show
    scans = {name: show(some) for name, some in scan_sets(folder, arguments.data).items()}
    pictures = list(no_scans(arguments.each, arguments.pictures))
    odd = show([picture.pixels for picture in pictures])
    figures = {
        "model": engine.card.name,
        "threshold": gauge.threshold,
        "passed": {name: passed(gauge, some) for name, some in scans.items()},
        **flagged(gauge.scores(odd.pooled) > gauge.threshold, pictures),
    }
    if arguments.methods:
        figures["methods"] = compare(engine, folder, arguments.train, scans, odd)
    return figures


def scan_sets(folder: Path, data: Path) -> dict[str, list[Pixels]]:
    """Return real scans, copies of them, and phantoms; those the model knows apart."""
    from octtutor.datasets.decode import decode
    from octtutor.model.network.training_set import read_training_set

    known = read_training_set(folder)
    new: list[Pixels] = []
    met: list[Pixels] = []
    with open_source(data) as members:
        for member in scans_of(members, data):
            content = member.read()
            digest, patient = hashlib.sha256(content).hexdigest(), member.place.patient
            mine = digest in known.files or patient in known.patients
            (met if mine else new).append(decode(content, member.name))
    both = [*new, *met]
    return {
        "scans of patients whom the model does not know": new,
        "scans of patients whom it knows": met,
        "all scans": both,
        "mirrored": [np.ascontiguousarray(scan[:, ::-1]) for scan in both],
        "corrupted, severity 1": corrupted(both, 1),
        "corrupted, severity 2": corrupted(both, 2),
        "corrupted, severity 3": corrupted(both, 3),
        "phantoms": phantoms(),
        **{
            name: [np.ascontiguousarray(turn(scan)) for scan in both]
            for name, turn in TURNED.items()
        },
    }


def corrupted(scans: Sequence[Pixels], severity: int) -> list[Pixels]:
    """Return a copy of each scan as another device might show it, of a kind drawn by lot."""
    from octtutor.model.ood.corruption import KINDS, corrupt

    kinds = np.random.default_rng(severity).choice(sorted(KINDS), len(scans))
    pairs = zip(scans, kinds, strict=True)
    return [
        corrupt(without_fill(scan), str(kind), severity, 1000 + place)
        for place, (scan, kind) in enumerate(pairs)
    ]


def phantoms() -> list[Pixels]:
    """Return the synthetic scans that ship."""
    from octtutor.datasets.decode import decode

    with open_source(DECK) as members:
        return [decode(member.read(), member.name) for member in scans_of(members, DECK)]


def no_scans(each: int, folder: Path | None) -> Iterable[Picture]:
    """Return every picture that is no scan."""
    yield from drawn(LEARNED, "drawn, kinds it was fitted against", each, seed=1)
    yield from drawn(CHOSEN_ON | APART, "drawn, other kinds", each, seed=2)
    yield from drawn(FRESH, "drawn, kinds added after the choice", each, seed=3)
    found = [*from_packages(), *(from_folder(folder) if folder else ())]
    for place, picture in enumerate(found):
        yield picture
        yield from crops(picture, place)


class Viewer:
    """Shows scans to a network, as they are and not mirrored."""

    def __init__(self, engine: Any) -> None:
        """Take the engine whose network and whose way of preparing are used."""
        import keras

        backbone, head = engine.network.backbone, engine.network.head
        pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
        self.engine = engine
        self._model = keras.Model(backbone.input, [pooled, head(backbone.output)])
        self._model.compile(jit_compile=False)

    def show(self, scans: Sequence[Pixels]) -> Shown:
        """Show scans as decoded, uint8 (height, width)."""
        return self.show_prepared([self.engine.prepare(scan) for scan in scans])

    def show_prepared(self, prepared: Sequence[Pixels]) -> Shown:
        """Show prepared scans, uint8 (s, s)."""
        starts = range(0, len(prepared), BATCH)
        found = [self._look(np.stack(prepared[at : at + BATCH])) for at in starts]
        pooled, logits = (np.concatenate([np.asarray(one) for one in each]) for each in zip(*found))
        return Shown(pooled, logits)

    def _look(self, prepared: Pixels) -> Any:
        return self._model.predict_on_batch(self.engine.how.to_input(prepared))


def passed(gauge: Any, shown: Shown) -> dict[str, Any]:
    """Return the share that passes."""
    return share(gauge.scores(shown.pooled) <= gauge.threshold)


def flagged(found: npt.NDArray[np.bool_], pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return the share that is flagged, in all and by group, and what is missed."""
    groups = np.array([picture.group for picture in pictures])
    whole = np.array(["parts" not in group for group in groups])
    return {
        "flagged": {
            "all": share(found),
            "whole pictures": share(found[whole]),
            **{str(group): share(found[groups == group]) for group in dict.fromkeys(groups)},
        },
        "missed": [
            f"{picture.group}: {picture.name}"
            for picture, hit in zip(pictures, found, strict=True)
            if not hit
        ],
    }


def share(found: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return a share with its interval."""
    figure = wilson(int(found.sum()), len(found))
    return {"n": figure.n, "share": figure.value, "ci95": [figure.low, figure.high]}


def compare(
    engine: Any, folder: Path, train: Path, scans: dict[str, Shown], odd: Shown
) -> dict[str, Any]:
    """Compare methods, all fitted to the same copies and cut where 99 % of the held-out pass."""
    from sklearn.metrics import roc_auc_score

    from octtutor.model.network.scan_set import load_scans
    from octtutor.model.ood.ood_fitting import copies, part

    everything, _ = load_scans(train, engine.how).grouped()
    viewer, sets = Viewer(engine), []
    for some in part(everything, folder)[:2]:
        rng = np.random.default_rng(2017)
        shown = [copy for scan in some.scans for copy in copies(scan, engine.how, rng)]
        sets.append((viewer.show_prepared(shown), np.repeat(some.truth, 4)))
    (fitted, truth), (held, _) = sets
    strange = viewer.show([picture for _, picture in draw_all(LEARNED, 8, 2017)])
    new = scans["scans of patients whom the model does not know"]
    table = {}
    for name, score in all_methods(fitted, truth, strange, held).items():
        cut = np.quantile(score(held), 0.99, method="higher")
        both = np.concatenate([score(new), score(odd)])
        side = np.repeat([0, 1], [len(new.logits), len(odd.logits)])
        table[name] = {
            "auroc": float(roc_auc_score(side, both)),
            "passed": {
                key: float((score(some) <= cut).mean())
                for key, some in scans.items()
                if key not in TURNED
            },
            "flagged": float((score(odd) > cut).mean()),
        }
    return table


def all_methods(
    fitted: Shown, truth: npt.NDArray[np.int64], strange: Shown, held: Shown
) -> dict[str, Score]:
    """Return each method's score, fitted to these copies."""
    from octtutor.model.ood.ood_score import embed, fit_ood_detector

    gauge = fit_ood_detector(fitted.pooled, strange.pooled, held.pooled)
    return {
        "Mahalanobis, low rank, and a plane (without that against turned scans)": lambda shown: (
            gauge.scores(shown.pooled)
        ),
        "the plane alone": lambda shown: embed(shown.pooled) @ gauge.plane,
        "Mahalanobis, low rank; root, length 1": low_rank(fitted, embed),
        "Mahalanobis, low rank; length 1": low_rank(fitted, unit),
        "Mahalanobis, low rank; the plain mean": low_rank(fitted, lambda pooled: pooled),
        "relative Mahalanobis; root, length 1": relative(fitted, truth, embed),
        "fifth nearest neighbour; root, length 1": neighbour(fitted, embed),
        "energy of the logits": lambda shown: -logsumexp(shown.logits, axis=1),
    }


def unit(pooled: Floats) -> Floats:
    """Scale to length 1."""
    lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
    return np.asarray(pooled / np.maximum(lengths, 1e-12), np.float32)


def low_rank(fitted: Shown, embed: Embed) -> Score:
    """Probabilistic PCA of rank 64, as `octtutor.model.ood.ood_score` has it."""
    found = PCA(64, svd_solver="covariance_eigh").fit(embed(fitted.pooled).astype(np.float64))

    def score(shown: Shown) -> Floats:
        apart = embed(shown.pooled) - found.mean_
        along = apart @ found.components_.T
        rest = (apart**2).sum(axis=1) - (along**2).sum(axis=1)
        squared = (along**2 / found.explained_variance_).sum(axis=1) + rest / found.noise_variance_
        return np.asarray(np.sqrt(squared), np.float32)

    return score


def relative(fitted: Shown, truth: npt.NDArray[np.int64], embed: Embed) -> Score:
    """Distance to the nearest class less that to all (Ren et al., 2021), in 64 dimensions."""
    found = PCA(64, svd_solver="covariance_eigh").fit(embed(fitted.pooled).astype(np.float64))
    rows = found.transform(embed(fitted.pooled))
    means = np.stack([rows[truth == label].mean(axis=0) for label in range(4)])
    tied = np.linalg.inv(np.cov((rows - means[truth]).T))
    whole = np.linalg.inv(np.cov(rows.T))

    def score(shown: Shown) -> Floats:
        seen = found.transform(embed(shown.pooled))
        apart = seen[:, None] - means[None]
        nearest = np.einsum("nci,ij,ncj->nc", apart, tied, apart).min(axis=1)
        return np.asarray(nearest - np.einsum("ni,ij,nj->n", seen, whole, seen), np.float32)

    return score


def neighbour(fitted: Shown, embed: Embed) -> Score:
    """Distance to the fifth nearest copy (Sun et al., ICML 2022)."""
    found = NearestNeighbors(n_neighbors=5).fit(embed(fitted.pooled))
    return lambda shown: np.asarray(found.kneighbors(embed(shown.pooled))[0][:, -1], np.float32)


def print_table(figures: dict[str, Any]) -> None:
    """Print the shares."""
    print(f"{figures['model']}, threshold {figures['threshold']:.3f}")
    for what in ("passed", "flagged"):
        print(f"\n{what + ':':<52}{'share (95 %)':<26}{'n':>6}")
        for name, facts in figures[what].items():
            low, high = facts["ci95"]
            shown = f"{facts['share']:.3f} ({low:.3f} to {high:.3f})"
            print(f"  {name:<50}{shown:<26}{facts['n']:>6}")
    print(f"\nnot flagged: {'; '.join(figures['missed']) or 'none'}")
    for name, facts in figures.get("methods", {}).items():
        shares = ", ".join(f"{key} {value:.3f}" for key, value in facts["passed"].items())
        print(f"\n{name}: AUROC {facts['auroc']:.4f}, flagged {facts['flagged']:.3f}; {shares}")


if __name__ == "__main__":
    main()
