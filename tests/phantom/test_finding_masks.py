"""What the shipped deck's seeds tell again: named lesions, and the layers."""

import csv
import hashlib

import numpy as np
import pytest

from octtutor.core.diagnosis import Diagnosis
from octtutor.datasets.decode import read_scan
from octtutor.phantom import make
from octtutor.phantom.anatomy import Layer
from octtutor.phantom.finding_masks import DECK, draw_layers, recipes, retell
from octtutor.phantom.synthetic_scan import DIFFUSE, grow_eye


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (DECK / "cases.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def digest(row: dict[str, str]) -> str:
    return hashlib.sha256((DECK / row["file"]).read_bytes()).hexdigest()


def union(masks: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    return np.max(masks, axis=0, initial=0) if masks else np.zeros(shape, np.uint8)


def test_every_shipped_scan_has_a_recipe_under_its_own_hash(rows: list[dict[str, str]]) -> None:
    assert {digest(row) for row in rows} == set(recipes())
    for row in rows:
        recipe = recipes()[digest(row)]
        assert (str(recipe.label), f"{recipe.seed}:{recipe.index}") == (row["label"], row["seed"])


def test_a_recipe_draws_the_shipped_scan(rows: list[dict[str, str]]) -> None:
    """Another processor may round a pixel differently; nothing more may differ."""
    for row in rows[::7]:
        recipe = recipes()[digest(row)]
        drawn = make(recipe.label, recipe.generator(), recipe.size).scan
        assert np.abs(drawn.astype(int) - read_scan(DECK / row["file"])).mean() < 0.1


def test_the_named_lesions_of_every_scan_make_up_its_mask(rows: list[dict[str, str]]) -> None:
    for row in rows:
        told = retell(digest(row)) or ()
        lesions = [f for f in told if f.name not in (*DIFFUSE, "RPE", "ellipsoid zone")]
        mask = read_scan(DECK / row["mask"])
        assert (union([f.mask for f in lesions], mask.shape) != mask).mean() < 0.001
        named = [f.name for f in told if f.name not in ("RPE", "ellipsoid zone")]
        assert "; ".join(named) == row["findings"]


def test_only_a_healthy_eye_is_told_its_even_bands(rows: list[dict[str, str]]) -> None:
    for row in rows:
        names = {finding.name for finding in retell(digest(row)) or ()}
        assert ("RPE" in names) == ("ellipsoid zone" in names) == (row["label"] == "NORMAL")


def test_the_healthy_rpe_is_the_brightest_band(rows: list[dict[str, str]]) -> None:
    row = next(row for row in rows if row["label"] == "NORMAL")
    scan = read_scan(DECK / row["file"])
    band = next(f.mask for f in retell(digest(row)) or () if f.name == "RPE") > 0
    assert scan[band].mean() > 1.5 * scan[~band].mean()
    assert band.any(axis=0).all()


def test_a_scan_that_was_not_shipped_is_not_told() -> None:
    assert retell("0" * 64) is None


@pytest.mark.parametrize("label", list(Diagnosis))
def test_an_eye_grown_without_its_scan_is_the_eye_of_the_scan(label: Diagnosis) -> None:
    made = make(label, np.random.default_rng(11), (248, 256))
    eye = grow_eye(label, np.random.default_rng(11), (248, 256))
    lesions = [finding for finding in made.findings if finding.name != "foveal pit"]
    assert [f.name for f in eye.findings] == [f.name for f in lesions]
    for grown, drawn in zip(eye.findings, lesions, strict=True):
        assert np.array_equal(grown.mask, drawn.mask)


def test_the_layers_lie_one_below_the_other_where_the_scan_shows_them() -> None:
    drawn = draw_layers((496, 600))
    height, width = drawn.scan.shape
    assert drawn.surfaces.shape == (17, width)
    assert (np.diff(drawn.surfaces, axis=0) >= -1e-3).all()
    column = round(drawn.fovea)
    total = drawn.surfaces[Layer.BM] - drawn.surfaces[Layer.VITREOUS]
    assert total[column] < 0.75 * total.max()
    rows = np.arange(height)[:, None]
    dark = rows < drawn.surfaces[Layer.VITREOUS] - 4
    bright = (rows > drawn.surfaces[Layer.SUBRETINAL]) & (rows < drawn.surfaces[Layer.RPE])
    gel = dark & (drawn.scan < 240)  # straightening leaves white above
    assert drawn.scan[bright].mean() > 3 * drawn.scan[gel].mean()
