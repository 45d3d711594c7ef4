"""The four diagnoses: what each does to a healthy retina.

Lesions first change layer thicknesses and greys, then place what lies inside layers (cysts,
exudates, material). Masks are read off the final surfaces, so they fit what is drawn.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from octtutor.phantom.anatomy import Anatomy, Curve, Layer, bell, wave
from octtutor.phantom.elevations import (
    draw_detachment,
    draw_drusen,
    draw_fluid_margin,
    draw_material_height,
    draw_serous_dome,
    draw_tears,
    draw_teeth,
    draw_wrinkles,
    kinds_there,
    span_valleys,
)
from octtutor.phantom.finding import VISIBLE_UM, Diseased, between_surfaces, conclude, union_of
from octtutor.phantom.inclusions import (
    Membrane,
    draw_cysts,
    draw_exudates,
    draw_foci,
    draw_material,
    draw_specks,
    fill_detachment,
)
from octtutor.phantom.layer_edits import (
    age_retina,
    brighten_rpe,
    collapse_photoreceptors,
    detach_retina,
    light_choroid,
    move_into_frame,
    patch_bands,
    raise_rpe,
    shade_below,
    tear_rpe,
    thicken,
    thin_over,
    wear_photoreceptors,
)

_MEMBRANES = (
    Membrane(1.0, 0.0),
    Membrane(1.0, 0.4),
    Membrane(0.45, 1.0),
    Membrane(0.2, 1.0),
    Membrane(0.8, 0.8, blood=True),
    Membrane(0.3, 1.0, scar=True),
)

_MEMBRANE_SHARES = (0.34, 0.24, 0.14, 0.12, 0.07, 0.09)
"""How often each is drawn."""

_DIABETIC, _OLD, _NEOVASCULAR = 1.16, 1.16, 1.32
"""How much brighter the choroid is, in greys, than in OCT2017's NORMALs, in the means of DME,
DRUSEN and CNV 12 to 230 µm behind Bruch's membrane."""


def healthy(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina as it is."""
    del rng, severity
    return Diseased(anatomy)


def drusen(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with drusen: bumps of the RPE over a flat Bruch's membrane.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (two or three small drusen) to 1 (many large ones).
    """
    bumps, kinds = draw_drusen(rng, anatomy, severity)
    rough = np.abs(wave(rng, anatomy.grid.x, 150, 3 + 2.5 * severity))
    raised = raise_rpe(
        age_retina(rng, anatomy, 0.9, _OLD), bumps + rough, sharing=0.12, grey=rng.uniform(74, 128)
    )
    worn = wear_photoreceptors(raised, np.clip(bumps / 50, 0, 1), rng.uniform(0.3, 0.95))
    thinned = thin_over(rng, worn, np.clip(bumps / 70, 0, 1))
    settled = move_into_frame(thinned)
    mask = between_surfaces(settled, Layer.SUBRETINAL, Layer.SUB_RPE, bumps > VISIBLE_UM)
    foci = draw_foci(rng, settled, bumps > 45, count=int(rng.choice((0, 0, 1, 2, 4))))
    named = (
        ("drusen", mask, kinds),
        ("hyperreflective foci", union_of(foci, settled), ("migrated pigment",)),
    )
    return conclude(settled, foci, named, severity)


def oedema(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with diabetic macular oedema: thickening, cysts, sometimes exudates.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (early: small cysts, hardly thicker) to 1 (a macula full of fluid).
    """
    anatomy = light_choroid(anatomy, _DIABETIC)
    focal = rng.random() < 0.5
    wander, reach = (160, rng.uniform(260, 520)) if focal else (560, rng.uniform(500, 1400))
    centre = anatomy.fovea + np.clip(rng.normal(0, wander), -1500, 1500)
    width = reach + (300 if focal else 900) * severity * rng.random()
    amount = 10 + 350 * severity * rng.uniform(0.4, 1.15)
    swelling = bell(anatomy.grid.x, centre, width, rng.uniform(1.6, 2.8))
    wrinkled = draw_wrinkles(rng, anatomy.grid.x)
    swollen = thicken(rng, anatomy, amount * swelling + wrinkled)
    swollen = wear_photoreceptors(swollen, swelling, rng.uniform(0, 0.3 + 0.3 * severity))
    swollen = patch_bands(rng, swollen, swelling)
    has_serous = rng.random() < 0.04 + 0.1 * severity
    serous = draw_serous_dome(rng, anatomy, severity) * np.float32(has_serous)
    settled = move_into_frame(detach_retina(swollen, serous, rng.uniform(18, 30)))
    inner, outer = draw_cysts(rng, settled, centre, width * rng.uniform(0.4, 0.95), severity)
    exudates = draw_exudates(rng, settled, centre, severity) if rng.random() < 0.55 else ()
    strewn = int(rng.integers(0, int(6 + 22 * severity)))
    exudates = (*exudates, *draw_specks(rng, settled, centre, strewn))
    fluid = (inner.cover > 0.5) | (outer.cover > 0.5)
    before, after = anatomy.thickness.sum(axis=0), swollen.thickness.sum(axis=0)
    thicker = (after - before > 30) & (swelling > 0.2)
    kinds = kinds_there(
        ("in the INL", (inner.cover > 0.5).any()), ("in the ONL", outer.cover.any())
    )
    named = (
        ("intraretinal fluid", fluid, kinds),
        (
            "subretinal fluid",
            between_surfaces(settled, Layer.IZ, Layer.SUBRETINAL, serous > VISIBLE_UM),
            ("serous",),
        ),
        ("hyperreflective foci", union_of(exudates, settled) & ~fluid, ("hard exudates",)),
        (
            "retinal thickening",
            between_surfaces(settled, Layer.VITREOUS, Layer.ONL, thicker),
            ("diffuse",),
        ),
    )
    return conclude(settled, (*exudates, outer, inner), named, severity)


def neovascularisation(rng: Generator, anatomy: Anatomy, severity: float) -> Diseased:
    """Return the retina with a choroidal neovascular membrane: under, at and above the RPE.

    Args:
        rng: source of everything that varies.
        anatomy: the healthy retina.
        severity: 0 (a flat membrane, hardly any fluid) to 1 (large, with fluid or a scar).
    """
    centre = float(anatomy.fovea + np.clip(rng.normal(0, 450), -1100, 1100))
    x = anatomy.grid.x
    membrane = _MEMBRANES[int(rng.choice(len(_MEMBRANES), p=_MEMBRANE_SHARES))]
    ped = np.float32(membrane.occult) * draw_detachment(rng, x, centre, severity)
    material_height = np.float32(membrane.classic) * draw_material_height(rng, x, centre, severity)
    crest = ped / max(float(ped.max()), 80.0)
    fluid = draw_fluid_margin(rng, x, centre, severity) * (1 - 0.9 * crest)
    spanned = span_valleys(anatomy.grid, ped + material_height)
    fluid = np.maximum(fluid, spanned * rng.uniform(0, 0.9) * (rng.random() < 0.3 + 0.3 * severity))
    fluid = fluid * np.float32(not membrane.scar)
    torn = draw_tears(rng, x, centre, severity)
    aged, beside = draw_drusen(rng, anatomy, 0.35 * rng.random())
    aged = aged * np.float32(rng.random() < 0.55) * (1 - bell(x, centre, 1300, 6))
    serous_ped = bool(membrane.classic == 0 and rng.random() < 0.4)
    inside = rng.uniform(18, 40) if serous_ped else rng.uniform(36, 92)
    toothed = np.float32(rng.uniform(0.3, 1.0) * (not serous_ped))
    ped = (ped + toothed * np.clip(ped / 60, 0, 1) * draw_teeth(rng, x)).astype(np.float32)
    uneven = np.abs(wave(rng, x, 210, rng.uniform(1.5, 6))) * (0.4 + bell(x, centre, 1600, 4))
    older = age_retina(rng, anatomy, 0.75, _NEOVASCULAR)
    anatomy = raise_rpe(older, ped + aged + uneven, sharing=0.75, grey=inside)
    anatomy = detach_retina(anatomy, fluid + material_height, rng.uniform(16, 28))
    anatomy = thicken(rng, anatomy, rng.uniform(-20, 20 + 200 * severity) * bell(x, centre, 1200))
    lost = bell(x, centre, rng.uniform(800, 1500), 4)
    anatomy = wear_photoreceptors(anatomy, lost, rng.uniform(0.75, 1.0))
    anatomy = collapse_photoreceptors(anatomy, lost * np.float32(rng.uniform(0.3, 0.9)))
    anatomy = brighten_rpe(rng, anatomy, np.clip(ped / 80, 0, 1))
    shaded = shade_below(anatomy, ped, membrane.blood)
    settled = move_into_frame(tear_rpe(rng, shaded, torn))
    growth = _Growth(membrane, centre, ped, material_height, fluid, torn, aged, beside, serous_ped)
    return _show_membrane(rng, settled, growth, severity)


class _Growth(NamedTuple):
    """What a membrane has done along the scan; curves float32 (width,), µm or 0 to 1."""

    membrane: Membrane
    centre: float
    ped: Curve
    material: Curve
    fluid: Curve
    torn: Curve
    aged: Curve
    aged_kinds: tuple[str, ...]
    serous: bool


def _show_membrane(rng: Generator, anatomy: Anatomy, growth: _Growth, severity: float) -> Diseased:
    """Return the neovascular eye with what lies inside its layers painted and named."""
    membrane, centre = growth.membrane, growth.centre
    material = draw_material(rng, anatomy, growth.material, membrane)
    filling = () if growth.serous else fill_detachment(rng, anatomy, growth.ped)
    cystic = rng.random() < 0.12 + 0.38 * severity
    cysts = draw_cysts(rng, anatomy, centre, rng.uniform(250, 900), severity) if cystic else ()
    count = int(rng.integers(0, int(4 + 10 * severity)))
    foci = draw_foci(rng, anatomy, bell(anatomy.grid.x, centre, 900) > 0.4, count)
    solid = material.cover > 0.5
    raised = between_surfaces(anatomy, Layer.RPE, Layer.SUB_RPE, growth.ped > VISIBLE_UM)
    space = between_surfaces(anatomy, Layer.IZ, Layer.SUBRETINAL, growth.fluid > VISIBLE_UM)
    aside = (growth.aged > VISIBLE_UM) & (growth.ped < VISIBLE_UM / 2)
    ped_kinds = ("serous",) if growth.serous else ("type 1", "fibrovascular")
    above = kinds_there(
        ("haemorrhage", membrane.blood), ("scar", membrane.scar), ("type 2", membrane.classic > 0.5)
    )
    named = (
        ("sub-RPE fluid / PED", raised, ped_kinds),
        ("subretinal hyperreflective material", solid, above),
        ("subretinal fluid", space & ~solid, ("exudative",)),
        ("intraretinal fluid", union_of(cysts, anatomy), ("exudative",)),
        (
            "RPE disruption",
            between_surfaces(anatomy, Layer.SUBRETINAL, Layer.RPE, growth.torn > 0.5),
            (),
        ),
        (
            "drusen",
            between_surfaces(anatomy, Layer.SUBRETINAL, Layer.SUB_RPE, aside),
            growth.aged_kinds,
        ),
        ("hyperreflective foci", union_of(foci, anatomy), ()),
    )
    return conclude(anatomy, (*filling, material, *cysts, *foci), named, severity)
