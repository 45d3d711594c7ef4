"""Two models on the same held-out scans: which is better, where they differ, and who says so."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.datasets.images import write_atomically
from octtutor.datasets.member import Member
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.datasets.schemes.naming import Naming
from octtutor.datasets.schemes.scheme_registry import SHIPPED, Schemes
from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError, BadScanError
from octtutor.model.explain.maps import lay_on_scan, overlay
from octtutor.model.measure.evaluation import shared_with_training
from octtutor.model.measure.mapped_truth import MappedTruth, scheme_of_card
from octtutor.model.network.card import TRAINING_SCANS, Card, read_card
from octtutor.model.network.scan_set import Progress
from octtutor.model.serve.engine import KerasEngine
from octtutor.spreadsheet import escape_formula
from octtutor.stats.figures import model_figures
from octtutor.stats.intervals import Figure
from octtutor.stats.pairs import mcnemar, mean_by_patient, swap_test

Floats = npt.NDArray[np.float32]
BATCH = 32
"""Scans in memory at once; of the others only the answers are kept."""
BETTER, WORSE, SAME = "better", "worse", "no difference"
SURE = 0.05


@dataclass(frozen=True, slots=True)
class Differing:
    """A scan on which two models differ, with the map of each one's own answer."""

    source: str
    truth: str
    scan: Pixels
    """uint8 (height, width)."""
    labels: tuple[str, str]
    """What the first and the second model answered."""
    maps: tuple[Floats, Floats]
    """Grad-CAM of that answer's logit, float32 (height, width), in [0, 1]; all 0: no evidence."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """Both models' answers and the facts of each scan; chances are float32 (n, k)."""

    truth: npt.NDArray[np.int64]
    chances: tuple[Floats, Floats]
    patients: tuple[str, ...]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    unreadable: tuple[str, ...]
    scheme: Scheme


def compare(
    first: Path,
    second: Path,
    data: Path,
    progress: Progress | None = None,
    naming: Naming | None = None,
    schemes: Schemes = SHIPPED,
) -> dict[str, Any]:
    """Compare two models on the same scans; the second is judged, as the new one.

    Memory does not grow with the scans' number but for a few hundred bytes a scan. Each model is
    fed as its own card says.

    Args:
        first: the folder of the one model, usually the one in use.
        second: the folder of the other, usually the new one.
        data: folder, ZIP or tar in OCT2017 layout.
        progress: called with (done, total).
        naming: the scheme whose words the labels are; what it maps to the networks' is compared.
            None: those of the networks' own scheme, of oct2017 the keys alone.
        schemes: those at hand, the networks' among them.

    Returns:
        Ready for JSON: `verdict` (`better`, `worse`, `no difference`: the second beside the
        first), `verdict_words`, `n`, `patients`, `unreadable`; `first` and `second`: the figures
        of `model_figures` with `model`, `model_sha256`, `overlap_with_training`, `leaky` (None
        where the model does not list its training scans); `accuracy_difference` and
        `weighted_error_difference`: second minus first with `value`, `ci` (by patient, None where
        all resamples are equal), `p`, `method`; `mcnemar`; `differing`: each scan on which the
        answers differ (`source`, `sha256`, `truth`, and `first` and `second` with `label` and
        `probabilities`); `labels` of both; `mapping`, what `MappedTruth.facts` returns, where there
        is a naming.

    Raises:
        ModelError: a model cannot be loaded.
        BadInputError: the models are of different schemes, there is no readable scan, or one has no
            known label.
    """
    for folder in (first, second):
        shared_with_training(folder, (), ())  # a damaged list is said before the work, not after
    cards = read_card(first), read_card(second)
    mapped = MappedTruth(naming, _common_scheme(*cards, schemes))
    engines = KerasEngine.open(first), KerasEngine.open(second)
    answers = _answer_all(engines, data, progress, mapped)
    sides = [
        _side(engine, folder, answers, chances)
        for engine, folder, chances in zip(engines, (first, second), answers.chances, strict=True)
    ]
    choices = [chances.argmax(axis=1) for chances in answers.chances]
    right = [choice == answers.truth for choice in choices]
    matrix = np.array(answers.scheme.cost_rows)
    costs = [matrix[answers.truth, choice] for choice in choices]
    test = mcnemar(*right)
    gain = right[1].astype(np.float64) - right[0]
    figures = {
        "n": len(answers.names),
        "patients": len(set(answers.patients)),
        "unreadable": list(answers.unreadable),
        "first": sides[0],
        "second": sides[1],
        "accuracy_difference": _difference(gain, answers.patients, test.p, test.method),
        "weighted_error_difference": _difference(
            costs[1].astype(np.float64) - costs[0],
            answers.patients,
            swap_test(costs[1].astype(np.float64) - costs[0], answers.patients),
            "randomisation of both models' answers patient by patient",
        ),
        "mcnemar": asdict(test),
        "differing": _differing(answers),
        "labels": list(answers.scheme.keys),
        **mapped.facts(),
    }
    return {"verdict": judge(figures), "verdict_words": in_words(figures), **figures}


def judge(figures: dict[str, Any]) -> str:
    """Judge the second model of a comparison: `better`, `worse` or `no difference`.

    A measure tells when its interval over patients leaves out 0 and its test's p is at most 0.05.
    Worse in either measure is worse; better needs one that tells and none against it.
    """
    signs = [
        _sign(figures["accuracy_difference"]),
        -_sign(figures["weighted_error_difference"]),
    ]
    if min(signs) < 0:
        return WORSE
    return BETTER if max(signs) > 0 else SAME


def in_words(figures: dict[str, Any]) -> str:
    """Say in a few sentences what a comparison shows and what it does not."""
    first, second = figures["first"]["model"], figures["second"]["model"]
    if first == second:
        first, second = f"the first {first}", f"the second {second}"
    where = f"on these {figures['n']} scans of {figures['patients']} patients"
    verdict = {
        WORSE: f"{second} is worse than {first} {where}.",
        BETTER: f"{second} is better than {first} {where}.",
        SAME: f"No difference between {second} and {first} that these scans can show "
        f"({figures['n']} of {figures['patients']} patients).",
    }[judge(figures)]
    if figures["first"]["model_sha256"] == figures["second"]["model_sha256"]:
        verdict += " They have the same weights."
    return " ".join([verdict, _numbers(figures), *_warnings(figures)])


def difference_maps(
    figures: dict[str, Any],
    first: Path,
    second: Path,
    data: Path,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Differing]:
    """Explain the scans on which two models differ, one at a time.

    Args:
        figures: what `compare` gave for these models and scans.
        first: as there.
        second: as there.
        data: as there.
        limit: explain so many at most, in the order of `differing`; None: all.
        progress: called with (done, total).

    Raises:
        ModelError: a model cannot be loaded.
        BadInputError: the scans have changed since.
    """
    wanted = {(scan["source"], scan["sha256"]): scan for scan in figures["differing"][:limit]}
    if not wanted:
        return
    engines = KerasEngine.open(first), KerasEngine.open(second)
    total = len(wanted)
    for member, content in _reread(data, {source for source, _ in wanted}):
        scan = wanted.pop((member.name, hashlib.sha256(content).hexdigest()), None)
        if scan is not None:
            yield _explain(engines, scan, member.picture(content))
            if progress:
                progress(total - len(wanted), total)
    if wanted:
        raise BadInputError(
            f"Expected the scans that were compared. {len(wanted)} of {total} are gone or were "
            f"changed since, e.g. {next(iter(wanted))[0]!r}. Compare again."
        )


def write_maps(
    figures: dict[str, Any],
    first: Path,
    second: Path,
    data: Path,
    out: Path,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the scans on which two models differ: scan, first map, second map side by side.

    Args:
        figures: what `compare` gave for these models and scans.
        first: as there.
        second: as there.
        data: as there.
        out: a new or empty folder. It gets `001.png`, …, and `differing.csv`, which says what
            each is.
        progress: called with (done, total).

    Returns:
        The pictures.

    Raises:
        BadInputError: the folder has files in it, or the scans have changed since.
        SettingsError: it cannot be written.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise BadInputError(
            f"Expected a new folder for the maps. {str(out)!r} is there already. Choose another."
        )
    pictures: list[Path] = []
    rows: list[tuple[str, ...]] = [("picture", "source", "truth", "first", "second")]
    for item in difference_maps(figures, first, second, data, progress=progress):
        path = out / f"{len(pictures) + 1:03d}.png"
        write_atomically(path, side_by_side(item))
        pictures.append(path)
        rows.append((path.name, escape_formula(item.source), item.truth, *item.labels))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(out / "differing.csv", text.getvalue().encode())
    return pictures


def side_by_side(item: Differing, colours: str = "inferno") -> bytes:
    """Draw a scan, and over it the map of either model, as one PNG of three scans' width."""
    grey = np.repeat(item.scan[..., None], 3, axis=-1)
    shown = [grey]
    shown.extend(overlay(item.scan, level, colours) for level in item.maps)
    return bytes(cv2.imencode(".png", np.concatenate(shown, axis=1))[1])


def _answer_all(
    engines: tuple[KerasEngine, KerasEngine],
    data: Path,
    progress: Progress | None,
    mapped: MappedTruth,
) -> _Answers:
    rows: list[tuple[Member, str]] = []
    unreadable: list[str] = []
    parts: list[tuple[Floats, Floats]] = []
    with open_source(data) as members:
        wanted = mapped.scans(members, data)
        batch: list[tuple[Pixels, Pixels]] = []
        for done, member in enumerate(wanted, start=1):
            try:
                content = member.read()
                scan = member.picture(content)
                batch.append((engines[0].prepare(scan), engines[1].prepare(scan)))
                rows.append((member, hashlib.sha256(content).hexdigest()))
            except BadScanError:
                unreadable.append(member.name)
            if len(batch) == BATCH or (batch and done == len(wanted)):
                parts.append(_answer(engines, batch))
                batch.clear()
            if progress:
                progress(done, len(wanted))
    if not rows:
        raise BadInputError(
            f"Expected readable scans in {data.name!r}. None of {len(unreadable)} can be opened. "
            "Export them again."
        )
    places, scheme = [member.place for member, _ in rows], mapped.network
    return _Answers(
        np.array([scheme.index(str(place.label)) for place in places], np.int64),
        (np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])),
        tuple(p.patient or m.name for p, (m, _) in zip(places, rows, strict=True)),
        tuple(member.name for member, _ in rows),
        tuple(digest for _, digest in rows),
        tuple(unreadable),
        scheme,
    )


def _common_scheme(first: Card, second: Card, schemes: Schemes) -> Scheme:
    if first.scheme != second.scheme:
        raise BadInputError(
            f"Expected two models of one scheme. {first.name!r} has {first.scheme.name!r}, "
            f"{second.name!r} has {second.scheme.name!r}. Evaluate each with `octtutor evaluate`."
        )
    return scheme_of_card(first, schemes)


def _answer(
    engines: tuple[KerasEngine, KerasEngine], prepared: Sequence[tuple[Pixels, Pixels]]
) -> tuple[Floats, Floats]:
    first, second = (np.stack(scans) for scans in zip(*prepared, strict=True))
    return engines[0].run_many(first), engines[1].run_many(second)


def _side(engine: KerasEngine, folder: Path, answers: _Answers, chances: Floats) -> dict[str, Any]:
    shared = shared_with_training(folder, answers.hashes, answers.patients)
    listed = (folder / TRAINING_SCANS).exists()
    return {
        "model": engine.card.name,
        "model_sha256": engine.card.weights_sha256,
        **model_figures(answers.truth, chances, answers.patients, answers.scheme),
        "overlap_with_training": shared,
        "leaky": any(shared.values()) if listed else None,
    }


def _difference(
    values: npt.NDArray[np.float64], patients: Sequence[str], p: float, method: str
) -> dict[str, Any]:
    figure: Figure = mean_by_patient(values, patients)
    ci = None if figure.low is None else [figure.low, figure.high]
    return {"value": figure.value, "ci": ci, "p": p, "method": f"{figure.method}; p: {method}"}


def _differing(answers: _Answers) -> list[dict[str, Any]]:
    first, second = answers.chances
    places = np.flatnonzero(first.argmax(axis=1) != second.argmax(axis=1))
    return [
        {
            "source": answers.names[place],
            "sha256": answers.hashes[place],
            "truth": answers.scheme.keys[answers.truth[place]],
            "first": _one(first[place], answers.scheme),
            "second": _one(second[place], answers.scheme),
        }
        for place in places
    ]


def _one(chances: Floats, scheme: Scheme) -> dict[str, Any]:
    return {
        "label": scheme.keys[int(chances.argmax())],
        "probabilities": dict(zip(scheme.keys, map(float, chances), strict=True)),
    }


def _sign(difference: dict[str, Any]) -> int:
    """Return 1 or -1 where a difference tells, else 0."""
    value, ci, p = difference["value"], difference["ci"], difference["p"]
    if p > SURE or value == 0 or (ci is not None and ci[0] <= 0 <= ci[1]):
        return 0
    return 1 if value > 0 else -1


def _numbers(figures: dict[str, Any]) -> str:
    first, second = figures["first"], figures["second"]
    return (
        f"Accuracy {100 * first['accuracy']:.1f} → {100 * second['accuracy']:.1f} % "
        f"({_signed(figures['accuracy_difference'])} points), weighted error "
        f"{100 * first['weighted_error']:.1f} → {100 * second['weighted_error']:.1f} % "
        f"({_signed(figures['weighted_error_difference'])} points)."
    )


def _signed(difference: dict[str, Any]) -> str:
    text = f"{100 * difference['value']:+.1f}"
    if difference["ci"] is None:
        return text
    low, high = difference["ci"]
    return f"{text}, 95 % {100 * low:+.1f} to {100 * high:+.1f}"


def _warnings(figures: dict[str, Any]) -> Iterator[str]:
    for side in (figures["first"], figures["second"]):
        shared = side["overlap_with_training"]
        if side["leaky"]:
            yield (
                f"LEAKY: {shared['patients']} patients and {shared['files']} files of these scans "
                f"were in the training of {side['model']}: its figures are too good, and this "
                "comparison favours it."
            )
        elif side["leaky"] is None:
            yield (
                f"{side['model']} does not list its training scans: whether it knows these is "
                "not known."
            )


def _reread(data: Path, names: set[str]) -> Iterator[tuple[Member, bytes]]:
    with open_source(data) as members:
        for member in members:
            if member.name in names:
                yield member, member.read()


def _explain(
    engines: tuple[KerasEngine, KerasEngine], scan: dict[str, Any], picture: ScanPicture
) -> Differing:
    labels = scan["first"]["label"], scan["second"]["label"]
    first, second = (
        _map(engine, picture, label) for engine, label in zip(engines, labels, strict=True)
    )
    return Differing(scan["source"], scan["truth"], picture.grey, labels, (first, second))


def _map(engine: KerasEngine, picture: ScanPicture, label: str) -> Floats:
    fed = engine.how.feed(picture)
    output = engine.run(fed.scan[None])
    index = engine.card.index(label)
    return lay_on_scan(engine.gradcam(output.features[0], [index])[0], fed)
