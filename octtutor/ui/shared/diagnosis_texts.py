"""What the diagnoses of oct2017 are and look like at length, in English; a scheme has the rest."""

from dataclasses import dataclass

from octtutor.core.diagnosis import Diagnosis
from octtutor.core.scheme import OCT2017, Scheme

C, M, D, N = Diagnosis.CNV, Diagnosis.DME, Diagnosis.DRUSEN, Diagnosis.NORMAL


@dataclass(frozen=True, slots=True)
class Sign:
    """What to look for, where in the layers, and how it looks."""

    name: str
    where: str
    look: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """What the atlas says of a diagnosis; `sources` are keys of SOURCES."""

    what: tuple[str, ...]
    signs: tuple[Sign, ...]
    beware: str
    sources: tuple[str, ...]


SOURCES: dict[str, str] = {
    "staurenghi": "Staurenghi G, Sadda S, Chakravarthy U, Spaide RF. Proposed lexicon for "
    "anatomic landmarks in normal posterior segment spectral-domain optical coherence tomography: "
    "the IN•OCT consensus. Ophthalmology 2014; 121: 1572–1578.",
    "spaide": "Spaide RF, Jaffe GJ, Sarraf D, et al. Consensus nomenclature for reporting "
    "neovascular age-related macular degeneration data. Ophthalmology 2020; 127: 616–636.",
    "freund": "Freund KB, Zweifel SA, Engelbert M. Do we need a new classification for choroidal "
    "neovascularization in age-related macular degeneration? Retina 2010; 30: 1333–1349.",
    "kermany": "Kermany DS, Goldbaum M, Cai W, et al. Identifying medical diagnoses and treatable "
    "diseases by image-based deep learning. Cell 2018; 172: 1122–1131.",
    "otani": "Otani T, Kishi S, Maruyama Y. Patterns of diabetic macular edema with optical "
    "coherence tomography. Am J Ophthalmol 1999; 127: 688–693.",
    "ferris": "Ferris FL, Wilkinson CP, Bird A, et al. Clinical classification of age-related "
    "macular degeneration. Ophthalmology 2013; 120: 844–851.",
    "curcio": "Spaide RF, Curcio CA. Drusen characterization with multimodal imaging. Retina "
    "2010; 30: 1441–1454.",
    "grover": "Grover S, Murthy RK, Brar VS, Chalam KV. Normative data for macular thickness by "
    "high-definition spectral-domain optical coherence tomography (Spectralis). Am J Ophthalmol "
    "2009; 148: 266–271.",
    "duker": "Duker JS, Waheed NK, Goldman DR. Handbook of Retinal OCT. Elsevier.",
}

CHAPTERS: dict[str, Chapter] = {
    C: Chapter(
        what=(
            "New vessels grow out of the choroid, through Bruch's membrane, towards the retina, "
            "mostly in age-related macular degeneration. They leak and bleed, and untreated they "
            "end in a scar. That is why CNV is referred urgently: injections that block VEGF work "
            "best while there is still photoreceptor to save.",
            "Where the vessels lie gives them a type. Type 1 stay under the RPE and lift it; type "
            "2 break through and spread over it; type 3 begin within the retina. On the scan you "
            "see less of the vessels than of what they do: tissue where there should be none, "
            "fluid beside it, and an RPE that has lost its even line.",
        ),
        signs=(
            Sign(
                "Pigment epithelial detachment (PED)",
                "between the RPE and Bruch's membrane",
                "The RPE rises as a dome or a low, irregular hump. Grey, layered content speaks "
                "for vessels; an empty black dome for serous fluid.",
            ),
            Sign(
                "Subretinal hyperreflective material",
                "between the photoreceptors and the RPE",
                "A grey, often fuzzy mass on top of the RPE: membrane, fibrin, blood or scar.",
            ),
            Sign(
                "Subretinal fluid",
                "between the photoreceptors and the RPE",
                "A black wedge or dome with a sharp lower edge, usually beside the lesion.",
            ),
            Sign(
                "Intraretinal fluid",
                "from the inner nuclear to the outer nuclear layer, above the lesion",
                "Black round holes in the retina that lies over the disturbed RPE.",
            ),
            Sign(
                "RPE disruption",
                "in the RPE band itself",
                "The bright band thins, breaks or blurs; more light than usual reaches the "
                "choroid below the gap.",
            ),
            Sign(
                "Hyperreflective foci",
                "in the outer nuclear layer, above the lesion",
                "Small bright dots, taken for migrated pigment cells or lipid.",
            ),
        ),
        beware="A large druse can look like a small fibrovascular PED. Look for anything that a "
        "druse does not do: fluid, material above the RPE, or a hump with layers in it.",
        sources=("spaide", "freund", "kermany", "duker"),
    ),
    M: Chapter(
        what=(
            "In diabetes the walls of the retina's own capillaries fail. Plasma leaks into the "
            "retina faster than it is pumped out, the macula swells, and the cone cells work "
            "worse. DME is the commonest cause of lost vision in working-age people with "
            "diabetes, and can be treated, so it is referred urgently too.",
            "The leak is inside the retina, so the fluid begins there: first a sponge-like "
            "thickening, then cysts parted by thin walls, and in some eyes fluid under the fovea "
            "as well. The RPE below is not the cause and stays smooth.",
        ),
        signs=(
            Sign(
                "Intraretinal cysts",
                "inner nuclear and outer plexiform layers, the large ones down to the outer "
                "nuclear layer",
                "Black, round or oval, side by side with thin grey septa between them; the "
                "largest mostly near the fovea.",
            ),
            Sign(
                "Thickened retina",
                "all layers from the inner nuclear layer outwards",
                "The surface bulges towards the vitreous; the foveal pit is shallow or gone.",
            ),
            Sign(
                "Subretinal fluid",
                "between the photoreceptors and the RPE, under the fovea",
                "A low black dome over a smooth RPE, in some of the eyes.",
            ),
            Sign(
                "Hyperreflective foci and hard exudates",
                "in the outer plexiform layer and around the cysts",
                "Bright dots and clumps; the large ones throw a shadow. They are lipid that the "
                "leak leaves behind.",
            ),
        ),
        beware="Cysts alone do not prove diabetes: vein occlusion, uveitis and surgery make them "
        "too. Among these four diagnoses, cysts over a smooth RPE mean DME.",
        sources=("otani", "kermany", "duker"),
    ),
    D: Chapter(
        what=(
            "Drusen are deposits, rich in lipid and protein, between the base of the RPE and the "
            "inner collagen of Bruch's membrane. They are the mark of early and intermediate "
            "age-related macular degeneration. A few small ones belong to age; many, or large "
            "ones above 125 µm, raise the risk of CNV and of atrophy.",
            "On the scan a druse is a bump: the RPE bends over it, Bruch's membrane below stays "
            "flat, and the space between is filled with even grey. Drusen are watched, not "
            "treated, so they are not an urgent referral, unless one hides a CNV.",
        ),
        signs=(
            Sign(
                "Drusen",
                "between the RPE and Bruch's membrane",
                "One or many bumps of the brightest band, 10 to over 100 µm high, filled with "
                "medium grey. The RPE over them is unbroken.",
            ),
            Sign(
                "Bent photoreceptor bands",
                "ellipsoid zone and external limiting membrane, over each bump",
                "They follow the bump and are fainter on its top; the outer nuclear layer is "
                "thinner there.",
            ),
            Sign(
                "Hyperreflective foci",
                "in the outer nuclear layer, over the larger drusen",
                "Small bright dots: migrated pigment. They come with a higher risk of progress.",
            ),
            Sign(
                "No fluid",
                "in and under the retina",
                "The foveal pit is open and the inner retina calm.",
            ),
        ),
        beware="Small drusen are a mere wave in the RPE. Follow the band from edge to edge, and "
        "compare it with Bruch's membrane, the thin straight line beneath.",
        sources=("curcio", "ferris", "kermany", "duker"),
    ),
    N: Chapter(
        what=(
            "A healthy macula is a set of even bands. Light and dark alternate: plexiform layers "
            "and nerve fibres are bright, layers of nuclei are dark. The retina is about 330 µm "
            "thick around the fovea and about 230 µm in its centre, where the inner layers "
            "are pushed aside and leave the pit.",
            "To call a scan normal is a search that found nothing, so search in the same order "
            "every time: surface and pit, inner layers for holes, ellipsoid zone, RPE, what lies "
            "under it.",
        ),
        signs=(
            Sign(
                "Open foveal pit",
                "at the inner surface, in the middle of the macula",
                "A smooth hollow; layers thin towards it on both sides alike.",
            ),
            Sign(
                "Even ellipsoid zone",
                "between the external limiting membrane and the RPE",
                "A bright unbroken line, a little further from the RPE under the fovea.",
            ),
            Sign(
                "Even RPE",
                "the outermost bright band, on Bruch's membrane",
                "One thickness from edge to edge, with no bump, gap or haze.",
            ),
            Sign(
                "Nothing dark in or under the retina",
                "everywhere between the surface and the RPE",
                "Only the vessels' shadows: straight, vertical, and through all layers below.",
            ),
        ),
        beware="Off the centre of the fovea the pit is shallow in a healthy eye too, and the nerve "
        "fibre layer is thick on the side of the optic disc. A shadow is no gap.",
        sources=("staurenghi", "grover", "duker"),
    ),
}


def chapter_of(scheme: Scheme, key: str) -> Chapter | None:
    """Return what the atlas says of a diagnosis, None where it has no chapter of it."""
    return CHAPTERS.get(key) if scheme.name == OCT2017.name else None
