"""The texts of the tab Learn, in English; a second language is a second table.

The descriptions are in our own words, after the sources named beside each.
"""

from octtutor.core.scheme import OCT2017, Scheme
from octtutor.ui.shared.diagnosis_texts import C, D, M, N

CAPTIONS: dict[tuple[str, str | None], str] = {
    ("drusen", None): "drusen lifting the RPE",
    ("retinal thickening", None): "retina thicker than it should be",
    ("intraretinal fluid", None): "intraretinal cysts",
    ("subretinal fluid", None): "subretinal fluid",
    ("sub-RPE fluid / PED", None): "RPE lifted off Bruch's membrane (PED)",
    ("subretinal hyperreflective material", None): "hyperreflective material on the RPE",
    ("RPE disruption", None): "RPE broken or thinned",
    ("hyperreflective foci", None): "hyperreflective foci",
    ("hyperreflective foci", M): "hard exudates and hyperreflective foci",
    ("foveal pit", None): "foveal pit",
    ("foveal pit", M): "foveal pit, still there",
    ("foveal pit", N): "foveal pit, open",
    ("ellipsoid zone", None): "ellipsoid zone, unbroken",
    ("RPE", None): "RPE, an even band",
    ("lesion", None): "lesion",
}
"""What a region is called in the legend, by its name and where needed by the diagnosis."""


def caption(name: str, label: str) -> str:
    """Return what a region is called in the legend; its own name where none is known."""
    return CAPTIONS.get((name, label)) or CAPTIONS.get((name, None), name)


LAYERS: dict[str, tuple[str, str, str]] = {
    "VITREOUS": ("Vitreous", "vitreous", "The gel above the retina: dark on OCT."),
    "NFL": ("NFL", "nerve fibre layer", "Bright; thick towards the optic disc, none in the pit."),
    "GCL": ("GCL", "ganglion cell layer", "Cell bodies, a little darker than the NFL."),
    "IPL": ("IPL", "inner plexiform layer", "Synapses; as bright as the GCL or brighter."),
    "INL": ("INL", "inner nuclear layer", "Dark. Cysts of DME are often here."),
    "OPL": ("OPL", "outer plexiform layer", "Bright. Hard exudates gather here."),
    "ONL": ("ONL", "outer nuclear layer", "Dark and thick: the photoreceptors' nuclei."),
    "ELM": ("ELM", "external limiting membrane", "A thin faint line."),
    "MYOID": ("MZ", "myoid zone", "Dark strip below the ELM."),
    "EZ": ("EZ", "ellipsoid zone", "Bright line of mitochondria: breaks cost sight."),
    "OS": ("OS", "outer segments", "Grey strip; longest under the fovea."),
    "IZ": ("IZ", "interdigitation zone", "Where the outer segments meet the RPE."),
    "RPE": ("RPE", "retinal pigment epithelium", "The brightest band: CNV and drusen change it."),
    "BM": ("BM", "Bruch's membrane", "Thin; seen by itself when the RPE is lifted off it."),
    "CHOROID": ("Choroid", "choroid", "Vessels and stroma; CNV grows from here."),
}
"""By the names of `octtutor.phantom.anatomy.Layer`: short form, full name, what to know."""

PAIRS: tuple[tuple[str, str], ...] = ((D, C), (C, M), (D, N), (M, N))
"""The usual confusions among the diagnoses of oct2017."""


def pairs_of(scheme: Scheme, label: str) -> list[tuple[str, str]]:
    """Return the pairs with a diagnosis that are contrasted: those that the scheme tells apart."""
    if scheme.name == OCT2017.name:
        return [pair for pair in PAIRS if label in pair]
    told = [tuple(sorted(pair, key=scheme.index)) for pair, _ in scheme.confusions if label in pair]
    return [(first, second) for first, second in told]


LEARN: dict[str, str] = {
    "in_exam": "Your exam runs: the examples are closed until it ends. The layers are open.",
    "tab": "Learn",
    "topic": "What to learn",
    "layers": "The layers",
    "deck": "Examples from",
    "outlines": "Outlines and numbers",
    "map": "The model's map",
    "others": "Other examples",
    "drawing": "Drawing the atlas …",
    "drawing_layers": "Drawing a healthy eye with its layers …",
    "drawing_examples": "Drawing the examples …",
    "what": "What it is",
    "signs": "What to look for, and where",
    "short": "In short",
    "beware": "Beware",
    "examples": "Examples",
    "no_texts": "The scheme {scheme} says nothing of how {label} looks. Here are examples.",
    "other_model": "No maps: the model in use knows the diagnoses of {theirs}, not those of "
    "{ours}.",
    "contrast": "Tell them apart",
    "pair": "{first} or {second}?",
    "sources": "Sources",
    "synthetic": "synthetic",
    "example_alt": "OCT B-scan{kind} of {label}. It shows: {shown}.",
    "plain_alt": "OCT B-scan{kind} of {label}. Nothing is marked in it.",
    "kind": " (synthetic)",
    "nothing": "Nobody has outlined this scan.",
    "map_alt": "Map of where the model found evidence for {label}",
    "layers_title": "The layers of a healthy retina",
    "layers_intro": "Names and order follow the IN•OCT consensus. The picture is a synthetic scan, "
    "so the borders are exact. Light passes from above; the retina is drawn about three times as "
    "high as it is wide, as instruments show it.",
    "layers_hint": "Point at a name to light up its layer.",
    "whole_alt": "A whole synthetic OCT B-scan of a healthy eye. A frame marks the part that is "
    "shown larger beside it, from the foveal pit to the thick retina next to it.",
    "layers_alt": "A part of a synthetic OCT B-scan of a healthy eye, with the layers named from "
    "the vitreous down: {names}.",
    "whole": "The whole scan; the frame is shown larger.",
    "pit": "foveal pit",
    "disc_side": "to the optic disc →",
    "map_told": "The model {model} reads {right} of these {n} examples as {label}. Its map "
    "shows where it found evidence for the diagnosis of each scan: a hint, not proof.",
    "map_empty": "It found none in {n} of them: no map there.",
    "map_trained": "The model was trained on scans of the patients of {n} of the {shown} scans on "
    "this page: there its answers and maps are no proof of what it makes of new patients.",
    "map_not_known": "Of {n} of the {shown} scans on this page the patients are not told: whether "
    "the model was trained on them cannot be known.",
    "map_fault": "No maps: {fault}",
    "map_loading": "The model is still loading. The maps come as soon as it is there; the rest "
    "works without it.",
    "no_decks": "There are no annotated scans yet. Restart the program to bring back the embedded "
    "deck, or import a deck with masks.",
    "bad_topic": "Expected one of the topics on the page. Received {topic!r}. Reload the page.",
}


GUESS: dict[str, str] = {
    "title": "A game: real or synthetic?",
    "intro": "Some scans here were taken of patients, some were drawn by the program. Can you tell "
    "which? Nothing is recorded.",
    "begin": "Play a round",
    "real": "Real",
    "synthetic": "Synthetic",
    "place": "Scan {n} of {of}. Was it taken, or drawn?",
    "alt": "OCT B-scan, real or synthetic",
    "hit_drawn": "✓ The one before was synthetic.",
    "hit_taken": "✓ The one before was real.",
    "miss_drawn": "✗ The one before was synthetic.",
    "miss_taken": "✗ The one before was real.",
    "right": "Right in all",
    "caught": "Synthetic scans that you caught",
    "trusted": "Real scans that you trusted",
    "chance": "Half would be right by chance.",
    "examined": "The game waits until your exam has ended.",
    "lost": "That round is over. Play another.",
}
