"""Every text of the tab Evaluate and of the evaluation's report, in English."""

EVALUATE: dict[str, str] = {
    "tab": "Evaluate",
    "how": "Measure a model on scans whose diagnosis is known. One pass answers and explains every "
    "scan; the page may be closed meanwhile.",
    "model": "Model",
    "in_use": "{name} (in use)",
    "scans": "Scans",
    "deck": "A deck",
    "no_deck": "–",
    "count": "{title} ({scans} scans, {patients} patients)",
    "upload": "Or an archive: ZIP or tar with a folder for each diagnosis",
    "path": "Or a folder, archive or list (CSV) on this machine",
    "path_hint": "Its scans lie under CNV/, DME/, … (the model's diagnoses), or are named "
    "LABEL-PATIENT-N.",
    "scheme": "Its labels are words of",
    "scheme_hint": "Of an archive or a folder. What the schemes map to the model's diagnoses is "
    "measured; the rest is counted. A deck has a scheme of its own.",
    "own_scheme": "the model's own diagnoses",
    "maps": "Maps",
    "maps_hint": "Occlusion and integrated gradients take many times as long as the others.",
    "corrupted": "Corrupted copies too",
    "corrupted_hint": "65 of each scan, as other devices would make them: takes about 65 times as "
    "long.",
    "start": "Evaluate",
    "no_scans": "Expected scans: a deck, an archive or a folder. Received none. Choose one.",
    "two": "Expected one of deck, archive and folder. Received several. Clear all but one.",
    "no_paths": "Expected a deck or an archive. Folders on the server can be named only where the "
    "page is served to this machine alone. Pack the folder into a ZIP.",
    "empty_deck": "Expected a deck with scans. {name!r} has none (any more). Reload the page and "
    "choose again.",
    "no_model": "Expected a model that can be used. Received {name!r}. Reload the page and choose "
    "again.",
    "which": "Evaluation",
    "choice": "{title} · {model} · {at} · {state}",
    "none": "No evaluation yet. Choose a model and scans above, then press Evaluate.",
    "waiting": "waits for another evaluation, which runs now",
    "left": "{time} left",
    "pace": "{pace:.1f} scans a second",
    "stopping": "stopping",
    "stop": "Stop",
    "remove": "Remove",
    "removed": "Removed.",
    "save": "Save the report (HTML)",
    "file": "octtutor-evaluation-{model}.html",
    "prepared": "The report is being saved by the browser.",
    "more": "Show more scans",
    "misses": "Show all errors",
}

STATES: dict[str, str] = {
    "waiting": "waiting",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cut off": "cut off",
    "draft": "not started",
}
