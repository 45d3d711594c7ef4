"""What a synthetic scan must be, whatever the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import Phantom, lesions, make
from octtutor.phantom.anatomy import Anatomy, Grid, Layer, grow

SIZE = (248, 256)
DISEASES = {
    Diagnosis.CNV: lesions.neovascularisation,
    Diagnosis.DME: lesions.oedema,
    Diagnosis.DRUSEN: lesions.drusen,
    Diagnosis.NORMAL: lesions.healthy,
}
NAMES = {
    "intraretinal fluid",
    "subretinal fluid",
    "sub-RPE fluid / PED",
    "drusen",
    "hyperreflective foci",
    "RPE disruption",
    "foveal pit",
    "subretinal hyperreflective material",
}
labels = st.sampled_from(list(Diagnosis))
seeds = st.integers(0, 2**32 - 1)


def phantom(label: Diagnosis, seed: int, size: tuple[int, int] = SIZE) -> Phantom:
    return make(label, np.random.default_rng(seed), size)


def retina(seed: int) -> Anatomy:
    return grow(np.random.default_rng(seed), Grid(496, 512))


def finding(made: Phantom, name: str) -> np.ndarray:
    return next(f.mask for f in made.findings if f.name == name) > 0


def around(mask: np.ndarray, rows: int) -> np.ndarray:
    """Return the pixels within `rows` above or below the mask, the mask itself left out."""
    near = mask.copy()
    for shift in range(1, rows + 1):
        near[shift:] |= mask[:-shift]
        near[:-shift] |= mask[shift:]
    return near & ~mask


@pytest.mark.parametrize("label", list(Diagnosis))
def test_the_same_seed_gives_the_same_scan(label: Diagnosis) -> None:
    first, second = phantom(label, 5), phantom(label, 5)
    assert np.array_equal(first.scan, second.scan)
    assert np.array_equal(first.mask, second.mask)


def test_another_seed_gives_another_scan() -> None:
    first, second = phantom(Diagnosis.DME, 5), phantom(Diagnosis.DME, 6)
    assert not np.array_equal(first.scan, second.scan)


def test_a_generator_gives_a_new_eye_each_time() -> None:
    rng = np.random.default_rng(1)
    first, second = (make(Diagnosis.NORMAL, rng, SIZE) for _ in range(2))
    assert not np.array_equal(first.scan, second.scan)


@pytest.mark.parametrize("size", [(128, 128), (128, 1536), (496, 512), (1024, 1536)])
@pytest.mark.parametrize("label", list(Diagnosis))
def test_every_size_gives_scan_and_masks_of_that_size(
    label: Diagnosis, size: tuple[int, int]
) -> None:
    made = phantom(label, 11, size)
    arrays = (made.scan, made.mask, *(f.mask for f in made.findings))
    assert {(a.shape, a.dtype.name) for a in arrays} == {(size, "uint8")}


def test_the_same_eye_is_seen_at_every_size() -> None:
    small, large = phantom(Diagnosis.CNV, 3, (200, 200)), phantom(Diagnosis.CNV, 3, (400, 400))
    shrunk = large.mask[::2, ::2] > 0
    both, either = shrunk & (small.mask > 0), shrunk | (small.mask > 0)
    assert both.sum() / either.sum() > 0.75


@settings(max_examples=40, deadline=None)
@given(label=labels, seed=seeds)
def test_the_mask_is_the_union_of_the_lesions(label: Diagnosis, seed: int) -> None:
    made = phantom(label, seed, (128, 128))
    union = np.zeros_like(made.mask)
    for each in made.findings:
        assert set(np.unique(each.mask)) == {0, 255}
        if each.name != "foveal pit":
            union |= each.mask
    assert np.array_equal(union, made.mask)
    assert {f.name for f in made.findings} <= NAMES


@settings(max_examples=40, deadline=None)
@given(label=labels, seed=seeds)
def test_a_mask_is_empty_exactly_when_the_eye_is_normal(label: Diagnosis, seed: int) -> None:
    made = phantom(label, seed, (128, 128))
    assert made.mask.any() == (label is not Diagnosis.NORMAL)


@settings(max_examples=60, deadline=None)
@given(label=labels, seed=seeds)
def test_surfaces_never_cross_and_stay_in_the_picture(label: Diagnosis, seed: int) -> None:
    eye = DISEASES[label](np.random.default_rng(seed), retina(seed)).anatomy
    surfaces = eye.surfaces()
    assert np.diff(surfaces, axis=0).min() > -1e-2
    assert surfaces[Layer.VITREOUS].min() > 0
    assert surfaces[Layer.BM].max() < 1919


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_drusen_leave_bruchs_membrane_and_nearly_all_of_the_inner_surface(seed: int) -> None:
    before = retina(seed)
    after = lesions.drusen(np.random.default_rng(seed), before).anatomy
    moved = before.surfaces() - after.surfaces()
    shift = float(np.median(moved[Layer.BM]))
    assert np.ptp(moved[Layer.BM]) < 1e-2
    assert (moved[Layer.RPE] - shift).max() > 40
    assert (moved[Layer.VITREOUS] - shift).max() < 0.75 * (moved[Layer.RPE] - shift).max()


@pytest.mark.parametrize("seed", range(8))
def test_cysts_are_darker_than_their_surroundings(seed: int) -> None:
    made = phantom(Diagnosis.DME, seed, (496, 512))
    cysts = finding(made, "intraretinal fluid")
    assert made.scan[cysts].mean() < 0.75 * made.scan[around(cysts, 5)].mean()


@pytest.mark.parametrize("seed", range(8))
def test_subretinal_material_is_brighter_than_the_outer_nuclear_layer(seed: int) -> None:
    made = [phantom(Diagnosis.CNV, 10 * seed + k, (496, 512)) for k in range(4)]
    name = "subretinal hyperreflective material"
    shown = [each for each in made if any(f.name == name for f in each.findings)]
    assert shown
    assert all(each.scan[finding(each, name)].mean() > 80 for each in shown)


@pytest.mark.parametrize("seed", range(8))
def test_the_rpe_is_the_brightest_band(seed: int) -> None:
    rng = np.random.default_rng(seed)
    growing = np.random.default_rng(rng.integers(2**63, size=3)[0])
    surfaces = grow(growing, Grid(496, 512)).surfaces()
    scan = phantom(Diagnosis.NORMAL, seed, (496, 512)).scan
    y = (np.arange(496)[:, None] + 0.5) * 3.87
    bands = [
        scan[(y >= surfaces[k - 1]) & (y < surfaces[k])].mean()
        for k in range(Layer.NFL, Layer.CHOROID + 1)
        if k not in (Layer.SUBRETINAL, Layer.SUB_RPE)
    ]
    brightest = [k for k in Layer if k not in (0, Layer.SUBRETINAL, Layer.SUB_RPE)]
    assert brightest[int(np.argmax(bands))] is Layer.RPE


@pytest.mark.parametrize("seed", range(6))
def test_the_vitreous_is_dark_and_grainy(seed: int) -> None:
    vitreous = phantom(Diagnosis.NORMAL, seed, (496, 512)).scan[5:40]
    assert 8 < vitreous.mean() < 45
    assert vitreous.std() > 5
    assert (vitreous == 0).any()


def test_every_lesion_class_shows_what_defines_it() -> None:
    wanted = {
        Diagnosis.DRUSEN: "drusen",
        Diagnosis.DME: "intraretinal fluid",
        Diagnosis.CNV: "RPE disruption",
    }
    for label, name in wanted.items():
        shown = [{f.name for f in phantom(label, seed).findings} for seed in range(30)]
        assert all(name in names for names in shown)


def test_most_normal_eyes_show_a_foveal_pit() -> None:
    shown = [phantom(Diagnosis.NORMAL, seed, (128, 128)).findings for seed in range(30)]
    assert sum(bool(findings) for findings in shown) > 24


@pytest.mark.parametrize("size", [(127, 512), (496, 1537), (0, 0), (496,), "big", None])
def test_a_size_outside_the_limits_says_which_sizes_are_allowed(size: object) -> None:
    with pytest.raises(BadInputError, match=r"Expected a size.*Received: .*Choose a size"):
        make(Diagnosis.DME, np.random.default_rng(0), size)  # type: ignore[arg-type]


def test_an_unknown_label_says_which_labels_there_are() -> None:
    with pytest.raises(BadInputError, match=r"CNV, DME, DRUSEN, NORMAL.*Received: 'GLAUCOMA'"):
        make("GLAUCOMA", np.random.default_rng(0), SIZE)  # type: ignore[arg-type]
