"""Every text of the page, in English; a second language is a second table.

What to look for follows the usual descriptions of these signs on spectral-domain OCT: Kermany
et al., Cell 172:1122 (2018), figure 1; Spaide et al., Ophthalmology 127:616 (2020), consensus
nomenclature for neovascular AMD; Staurenghi et al., Ophthalmology 121:1572 (2014), the layers.
"""

from octtutor.core.diagnosis import Diagnosis

C, M, D, N = Diagnosis.CNV, Diagnosis.DME, Diagnosis.DRUSEN, Diagnosis.NORMAL

TITLE = "OCT Tutor"
TAGLINE = "Learn to read retinal OCT scans"
PURPOSE = "For teaching people to read scans. Not for diagnosis."

FULL_NAMES: dict[Diagnosis, str] = {
    C: "choroidal neovascularisation",
    M: "diabetic macular oedema",
    D: "drusen",
    N: "no disease",
}

LOOK_FOR: dict[Diagnosis, str] = {
    C: "Follow the RPE, the brightest band: it is lifted, broken or blurred. Under or over it lies "
    "grey, ill-defined material, often with dark subretinal fluid beside it.",
    M: "The RPE is smooth and in place. Above it, dark round or oval cysts sit in the inner "
    "nuclear and outer plexiform layers; the retina is thick and the foveal pit shallow or gone.",
    D: "The RPE rises in small bumps over Bruch's membrane, with grey material under each. The "
    "layers above bend over them, and there is no dark fluid.",
    N: "Every layer runs smoothly from edge to edge, the foveal pit is open, the RPE is an even "
    "bright band, and nothing dark lies in or under the retina.",
}

TELL_APART: dict[frozenset[Diagnosis], str] = {
    frozenset((C, D)): "Drusen or CNV: both lift the RPE. Dark fluid, or grey material that has "
    "broken through the band, means CNV; clean bumps under an unbroken band mean drusen.",
    frozenset((C, M)): "CNV or DME: both can hold fluid. Ask where it starts: a disturbed RPE "
    "with fluid next to it means CNV; cysts high in the retina over a smooth RPE mean DME.",
    frozenset((C, N)): "CNV or normal: trace the RPE slowly from edge to edge. One place where "
    "it thickens, lifts or loses its edge is enough.",
    frozenset((M, D)): "DME or drusen: look on both sides of the ONL. Dark holes above it mean "
    "DME; bumps of the bright band below it mean drusen.",
    frozenset((M, N)): "DME or normal: a few small dark cysts beside the fovea are easily missed. "
    "Compare the thickness on both sides and the depth of the pit.",
    frozenset(
        (D, N)
    ): "Drusen or normal: look along the RPE, not at it. Small drusen are a wave in "
    "a line that should be straight; vessel shadows run straight down and lift nothing.",
}

DESK: dict[str, str] = {
    "case": "{n} of {total}",
    "question": "What do you see?",
    "ungradable": "Ungradable",
    "sure": "How sure are you?",
    "sure_low": "guessing",
    "sure_high": "certain",
    "sure_hint": "Choose an answer first",
    "sure_now": "1–5 commits. Esc: change it.",
    "not_recorded": "Not recorded yet. Choose again.",
    "saving": "Recording your answer …",
    "loading": "The model is loading. Your answer is recorded.",
    "next": "Next",
    "results": "Results",
    "end": "End quiz",
    "end_sure": "End now? Your answers are kept.",
    "right": "Right",
    "wrong": "Not right",
    "you": "You",
    "truth": "Truth",
    "model": "Model",
    "no_model": "No answer from the model",
    "no_evidence": "No evidence for {label}: the map is empty.",
    "map_for": "Map for",
    "map": "Map",
    "split": "Map from the left",
    "opacity": "Strength",
    "outline": "Outline",
    "jet": "Jet colours",
    "map_hint": "Grad-CAM: where the network found evidence. A hint, not proof.",
    "look_for": "What to look for",
    "findings": "In this scan",
    "synthetic": "synthetic",
    "brightness": "Brightness",
    "contrast": "Contrast",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "reset": "Reset view",
    "full": "Full screen",
    "timer": "Hide or show the timer",
    "keys": "Keys",
    "close": "Close",
    "alt": "OCT B-scan to be read",
    "map_alt": "Map of where the network found evidence",
    "offline": "No answer from the server: your answer may not be recorded. Try again.",
}

KEYS: tuple[tuple[str, str], ...] = (
    ("1 2 3 4", "answer CNV, DME, DRUSEN, NORMAL"),
    ("U", "ungradable"),
    ("1 … 5", "after the answer: how sure, which commits it"),
    ("Esc", "take the answer back, before it is committed"),
    ("Enter", "next scan, after the reveal"),
    ("M", "map on or off"),
    ("O", "outline on or off"),
    ("+ − 0", "zoom in, out, whole scan"),
    ("← →", "after the reveal: slide between scan and map"),
    ("F", "full screen"),
    ("T", "timer on or off"),
    ("?", "these keys"),
)

START: dict[str, str] = {
    "welcome": "Read a scan, answer, and see at once what was there, what a trained network "
    "says, and where it looked.",
    "nickname": "Nickname (optional, kept in this browser)",
    "deck": "Scans",
    "size": "How many",
    "all": "all",
    "seed": "Seed (optional: the same number gives the same quiz)",
    "seed_bad": "Expected a whole number from 0 to 2147483647 as seed. Received {value!r}. Leave "
    "it empty for a new quiz each time.",
    "more": "More choices",
    "start": "Start",
    "again": "New quiz",
    "last": "My last results",
    "no_decks": "There are no scans yet. Import some: octtutor data import FOLDER",
    "no_results": "You have not finished a quiz yet.",
    "unfinished": ", import unfinished",
    "synthetic": ", synthetic",
    "lost": "Your quiz is not in the records any more. Start a new one.",
    "model_loading": "The model is loading ({name}). You can start already.",
    "model_ready": "Model: {name}",
    "model_fault": "No model: {fault}",
}

RESULTS: dict[str, str] = {
    "title": "Results",
    "right": "right",
    "of": "{right} of {n}",
    "ungradable": "{n} ungradable (not counted as right; left out of the figures below)",
    "early": "Ended early: {n} of {asked} cases answered.",
    "confusion": "Your answers",
    "confusion_hint": "Rows: truth. Columns: your answer.",
    "per_class": "Class by class",
    "intervals": "In small figures: Wilson 95 % intervals.",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "error": "Weighted error",
    "error_hint": "Mean penalty a scan (Kermany et al., Cell 172:1122, 2018), 100 % = one point: "
    "0 is perfect, a CNV or DME called normal costs 4 points (400 %). The bars end at {top:.0f} %; "
    "› is beyond. It rewards over-referral: read it with the specificity.",
    "you_model": "You and the model",
    "both": "both right",
    "only_you": "only you",
    "only_model": "only the model",
    "neither": "neither",
    "time": "Median time a scan",
    "csv": "Download as CSV",
    "you": "You, this quiz",
    "the_model": "The model, these scans",
    "empty": "No case was answered in this quiz.",
    "synthetic": "These scans are synthetic: the figures say how you read this deck, not how you "
    "would read patients' scans.",
}

PUBLISHED: tuple[tuple[str, float, float, str], ...] = (
    ("Six human experts", 0.004, 0.105, "Kermany et al., Cell 172:1122 (2018), 1,000 scans"),
    ("Network, all training data", 0.066, 0.066, "Kermany et al. (2018), 1,000 scans"),
    ("Network, limited data", 0.127, 0.127, "Kermany et al. (2018), 1,000 scans"),
)
"""Published weighted errors: who, lowest, highest, source."""


def advice(truth: Diagnosis, choice: Diagnosis | None) -> tuple[str, ...]:
    """Return what to look for: for the true class, and for what it was confused with."""
    wrong = choice is not None and choice is not truth
    pair = TELL_APART[frozenset((truth, choice))] if wrong and choice else ""
    return (LOOK_FOR[truth], pair) if pair else (LOOK_FOR[truth],)
