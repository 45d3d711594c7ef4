"""What a synthetic scan must be, whatever the seed."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octtutor.core.diagnosis import Diagnosis
from octtutor.errors import BadInputError
from octtutor.phantom import Finding, Phantom, lesions, make
from octtutor.phantom.anatomy import Anatomy, Grid, Layer, grow
from octtutor.phantom.finding import FINDINGS, KINDS, Diseased
from octtutor.phantom.image import Inclusion
from octtutor.phantom.synthetic_scan import DIFFUSE, grow_eye

SIZE = (248, 256)
MATERIAL = "subretinal hyperreflective material"
labels = st.sampled_from(list(Diagnosis))
seeds = st.integers(0, 2**32 - 1)


def phantom(label: Diagnosis, seed: int, size: tuple[int, int] = SIZE) -> Phantom:
    return make(label, np.random.default_rng(seed), size)


def retina(seed: int, width: int = 512) -> Anatomy:
    return grow(np.random.default_rng(seed), Grid(496, width))


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


@pytest.mark.parametrize("size", [(128, 128), (128, 1536), (496, 512), (1024, 256)])
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


@settings(max_examples=25, deadline=None)
@given(label=labels, seed=seeds)
def test_the_mask_is_the_union_of_the_lesions(label: Diagnosis, seed: int) -> None:
    made = phantom(label, seed, (128, 128))
    union = np.zeros_like(made.mask)
    for each in made.findings:
        assert set(np.unique(each.mask)) == {0, 255}
        if each.name not in DIFFUSE:
            union |= each.mask
    assert np.array_equal(union, made.mask)
    assert {f.name for f in made.findings} <= set(FINDINGS)
    assert {kind for f in made.findings for kind in f.kinds} <= set(KINDS)


@settings(max_examples=25, deadline=None)
@given(label=labels, seed=seeds)
def test_a_mask_is_empty_exactly_when_the_eye_is_normal(label: Diagnosis, seed: int) -> None:
    made = phantom(label, seed, (128, 128))
    assert made.mask.any() == (label is not Diagnosis.NORMAL)


@settings(max_examples=25, deadline=None)
@given(label=labels, seed=seeds, size=st.sampled_from([(128, 128), (128, 200)]))
def test_surfaces_never_cross_and_stay_in_the_picture(
    label: Diagnosis, seed: int, size: tuple[int, int]
) -> None:
    surfaces = grow_eye(label, np.random.default_rng(seed), size).anatomy.surfaces()
    assert np.diff(surfaces, axis=0).min() > -1e-2
    assert surfaces[Layer.VITREOUS].min() > 0
    assert surfaces[Layer.BM].max() < 1919


@settings(max_examples=25, deadline=None)
@given(label=labels, seed=seeds)
def test_masks_lie_between_the_boundaries_that_hold_what_they_show(
    label: Diagnosis, seed: int
) -> None:
    eye = grow_eye(label, np.random.default_rng(seed), (128, 160))
    surfaces, y = eye.anatomy.surfaces(), eye.anatomy.grid.y
    places = {
        "drusen": (Layer.SUBRETINAL, Layer.SUB_RPE),
        "sub-RPE fluid / PED": (Layer.RPE, Layer.SUB_RPE),
        "RPE disruption": (Layer.SUBRETINAL, Layer.RPE),
        "subretinal fluid": (Layer.IZ, Layer.SUBRETINAL),
        "intraretinal fluid": (Layer.VITREOUS, Layer.ONL),
        "retinal thickening": (Layer.VITREOUS, Layer.ONL),
    }
    for each in (found for found in eye.findings if found.name in places):
        above, below = places[each.name]
        outside = (y < surfaces[above]) | (y >= surfaces[below])
        assert not (each.mask.astype(bool) & outside).any(), each.name


@settings(max_examples=25, deadline=None)
@given(label=labels, seed=seeds)
def test_what_is_painted_solid_is_in_a_mask(label: Diagnosis, seed: int) -> None:
    """Tissue inside a detachment is painted, too; its mask is the detachment's."""
    eye = grow_eye(label, np.random.default_rng(seed), (128, 160))
    marked = np.zeros((128, 160), bool)
    for each in eye.findings:
        marked |= each.mask > 0
    for part in eye.inclusions:
        assert not ((part.cover > 0.5) & ~marked[part.place]).sum() > 2


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_drusen_leave_bruchs_membrane_and_nearly_all_of_the_inner_surface(seed: int) -> None:
    before = retina(seed)
    after = lesions.drusen(np.random.default_rng(seed), before, 0.6).anatomy
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


@pytest.mark.parametrize("seed", range(5))
def test_subretinal_material_is_brighter_than_the_outer_nuclear_layer(seed: int) -> None:
    made = make(Diagnosis.CNV, np.random.default_rng(seed), (496, 512), None, MATERIAL)
    surfaces, y = made.anatomy.surfaces(), made.anatomy.grid.y
    nuclear = (y >= surfaces[Layer.OPL]) & (y < surfaces[Layer.ONL]) & (made.mask == 0)
    assert made.scan[finding(made, MATERIAL)].mean() > 1.25 * made.scan[nuclear].mean()


@pytest.mark.parametrize("seed", range(8))
def test_the_rpe_is_the_brightest_band(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surfaces = grow_eye(Diagnosis.NORMAL, rng, (496, 512)).anatomy.surfaces()
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
    made = phantom(Diagnosis.NORMAL, seed, (496, 512))
    inner = made.anatomy.surfaces()[Layer.VITREOUS] / made.anatomy.grid.axial_um
    rows = np.arange(496)[:, None]
    vitreous = made.scan[(rows < inner - 20) & (made.scan < 240)]
    assert 8 < vitreous.mean() < 50
    assert vitreous.std() > 4
    assert np.quantile(vitreous, 0.1) < 0.75 * vitreous.mean()


def test_every_lesion_class_shows_what_defines_it() -> None:
    wanted = {
        Diagnosis.DRUSEN: "drusen",
        Diagnosis.DME: "intraretinal fluid",
        Diagnosis.CNV: "RPE disruption",
    }
    for label, name in wanted.items():
        eyes = [grow_eye(label, np.random.default_rng(k), (128, 128)) for k in range(20)]
        assert all(name in {f.name for f in eye.findings} for eye in eyes)


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


def test_a_wide_scan_shows_half_as_much_again_and_sometimes_the_disc() -> None:
    wide, narrow = Grid(496, 768), Grid(496, 512)
    assert wide.lateral_um == pytest.approx(narrow.lateral_um) == pytest.approx(11.5)
    grown = [retina(seed, 768) for seed in range(12)]
    ends = [(eye.thickness[Layer.GCL : Layer.CHOROID].sum(axis=0) < 20).any() for eye in grown]
    assert 0 < sum(ends) < 12


def test_a_finding_or_a_kind_can_be_asked_for() -> None:
    made = make(Diagnosis.CNV, np.random.default_rng(1), SIZE, showing="haemorrhage")
    assert any("haemorrhage" in found.kinds for found in made.findings)


def test_an_unknown_finding_says_which_there_are() -> None:
    with pytest.raises(BadInputError, match=r"intraretinal fluid.*Received: 'cataract'"):
        make(Diagnosis.CNV, np.random.default_rng(1), SIZE, showing="cataract")


def test_a_finding_that_the_diagnosis_never_shows_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"finding of NORMAL. Received: 'drusen'"):
        make(Diagnosis.NORMAL, np.random.default_rng(1), (128, 128), showing="drusen")


def test_negative_thickness_is_refused_before_boundaries_cross() -> None:
    healthy = retina(3)
    thin = healthy.thickness.copy()
    thin[Layer.INL, 40] = -5
    with pytest.raises(BadInputError, match=r"0 µm or more.*cross. Received: -5.0 µm in INL"):
        replace(healthy, thickness=thin)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_membrane_that_is_no_number_is_refused(bad: float) -> None:
    healthy = retina(3)
    with pytest.raises(BadInputError, match="layers of 0 µm or more"):
        replace(healthy, membrane=healthy.membrane + np.float32(bad))


def test_layers_of_another_width_are_refused() -> None:
    with pytest.raises(BadInputError, match="17 layers in 512 A-scans"):
        replace(retina(3), thickness=np.zeros((17, 9), np.float32))


def test_a_retina_outside_the_frame_is_refused() -> None:
    healthy = retina(3)
    with pytest.raises(BadInputError, match="retina within the frame"):
        Diseased(replace(healthy, membrane=healthy.membrane + np.float32(1500)))


def test_a_lesion_outside_the_frame_is_refused() -> None:
    outside = Inclusion(np.ones((20, 20), np.float32), 20, corner=(480, 500))
    with pytest.raises(BadInputError, match=r"outside the frame\. Move it"):
        Diseased(retina(3), (outside,))


def test_an_unknown_finding_of_an_eye_is_refused() -> None:
    odd = Finding("cataract", np.zeros((496, 512), np.uint8))
    with pytest.raises(BadInputError, match="Received: 'cataract'"):
        Diseased(retina(3), (), (odd,))


def test_a_mask_of_another_shape_is_refused() -> None:
    odd = Finding("drusen", np.zeros((4, 4), np.uint8))
    with pytest.raises(BadInputError, match=r"mask of \(496, 512\) for drusen"):
        Diseased(retina(3), (), (odd,))


def test_the_same_seed_gives_the_same_bytes_on_any_machine() -> None:
    """Stored when drawn; the same with NumPy's and OpenCV's AVX code switched off."""
    drawn = hashlib.sha256()
    for label in Diagnosis:
        made = phantom(label, 7, (128, 160))
        drawn.update(made.scan.tobytes() + made.mask.tobytes())
    assert drawn.hexdigest() == "d7838b08d219065c331e1464222c973aab6ab6d33f6d9225d48e56440d078554"


def test_a_slice_off_the_fovea_has_no_pit_and_thick_nerve_fibres():
    for seed in range(6):
        central, off = (
            make(Diagnosis.NORMAL, np.random.default_rng(seed), (248, 256), off_centre=um)
            for um in (0.0, 2500.0)
        )
        assert "foveal pit" in [found.name for found in central.findings]
        assert "foveal pit" not in [found.name for found in off.findings]
        fibres = [one.anatomy.thickness[Layer.NFL].min() for one in (central, off)]
        assert fibres[1] > fibres[0] + 10
