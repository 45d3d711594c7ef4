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
    "look_question": "The model has answered. Keep yours?",
    "look_hint": "Choose another answer to change yours. The truth comes then.",
    "keep": "Keep {label}",
    "change": "Change to {label}",
    "commit": "Commit",
    "you_first": "You, first",
    "you_then": "then",
    "mark_hint": "Click where you see it (or arrow keys)",
    "mark_first": "Show where it is first.",
    "hit": "✓ You found the place",
    "missed": "✗ {n} px from the place",
    "timed_out": "The time was over",
    "trained_on": "The model was trained on scans of this patient: here its answer is no proof of "
    "skill.",
    "contrast_pair": "Compare the two, side by side",
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
    "end_exam_sure": "End the exam now? It counts as taken, and cases without an answer are not "
    "right.",
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
    "map_hint": "Fine CAM: where the network found evidence. A hint, not proof.",
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
    ("Enter", "next scan, after the reveal; commit, or keep the answer, where asked"),
    ("arrows", "where the finding is to be marked: move the mark"),
    ("M", "map on or off"),
    ("O", "outline on or off"),
    ("+ − 0", "zoom in, out, whole scan"),
    ("← →", "after the reveal: slide between scan and map"),
    ("F", "full screen"),
    ("T", "timer on or off"),
    ("?", "these keys"),
)

START: dict[str, str] = {
    "tab": "Practise",
    "welcome": "Read a scan, answer, and see at once what was there, what a trained network "
    "says, and where it looked.",
    "nickname": "Nickname (optional, kept in this browser)",
    "deck": "Scans",
    "size": "How many",
    "all": "all",
    "order": "Which come next",
    "adaptive": "Adaptive: more of what you confuse",
    "random": "At random",
    "more": "More choices",
    "seed": "Seed (optional: the same number gives the same quiz, at random)",
    "seed_bad": "Expected a whole number from 0 to 2147483647 as seed. Received {value!r}. Leave "
    "it empty for a new quiz each time.",
    "endless": "Endless (synthetic, drawn for you)",
    "drawing": "Drawing {n} new scans, about {seconds:.0f} s …",
    "start": "Start",
    "again": "New quiz",
    "last": "My last results",
    "due": "{n} due, about {minutes} minutes",
    "due_minute": "{n} due, about a minute",
    "due_start": "Practise what is due",
    "due_later": "Nothing is due. Next: {when}.",
    "due_none": "What you practise comes due again here, when it is about to be forgotten.",
    "mastery": "Your last {k} of each class",
    "mastered": "mastered",
    "mastery_hint": "● right within {seconds} s · ◐ right, slower · ○ not right. "
    "All ● is mastered.",
    "no_decks": "There are no scans yet. Import some: octtutor data import FOLDER",
    "no_results": "You have not finished a quiz yet.",
    "unfinished": ", import unfinished",
    "synthetic": ", synthetic",
    "lost": "Your quiz is not in the records any more. Start a new one.",
    "model_loading": "The model is loading ({name}). You can start already.",
    "model_ready": "Model: {name}",
    "model_fault": "No model: {fault}",
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

JOIN: dict[str, str] = {
    "title": "Join a session",
    "code": "Code",
    "hint": "Five letters and digits from the projector",
    "join": "Join",
    "no_code": "Expected the code of a session. Received none. It is on the projector.",
    "paused": "The session is paused. Your educator lets it go on.",
    "discussed": "Case {n} is being discussed on the projector. Answers to it do not count any "
    "more.",
    "shown": "Your educator shows case {n} to all. Wait: your own goes on afterwards.",
}

QUIZZES: dict[str, str] = {
    "tab": "Exams",
    "choose": "Quizzes and exams",
    "none": "There are no quizzes here.",
    "exam": "exam",
    "scans": "{n} scans",
    "start": "Start",
    "retest": "Start the retest",
    "choose_first": "Expected a quiz. None is chosen. Choose one.",
    "no_feedback": "No feedback until the end.",
    "clock": "The clock goes on while you are away.",
    "feedback": "The truth is told after each case.",
    "second_look": "After each answer you see the model's and may change yours.",
    "mark_where": "You show where the finding is.",
    "no_confidence": "Confidence is not asked.",
    "case_seconds": "{n} s for each case.",
    "total_seconds": "{minutes} minutes in all.",
    "attempts": "{left} of {n} attempts left.",
    "pass_mark": "Passed with {mark:.0%} right.",
    "last": "Last time: {share} right.",
    "passed": "Passed.",
    "failed": "Not passed yet.",
    "used_up": "You have taken it as often as it may be taken.",
    "retest_at": "The retest, on other scans, is due on {when:%Y-%m-%d}.",
    "retest_now": "The retest is due: other scans, to see what stayed.",
    "cannot": "Cannot be taken here: {fault}",
}

OUTCOME: dict[str, str] = {
    "passed": "Passed",
    "failed": "Not passed",
    "mark": "{mark:.0%} right of all cases are needed.",
    "seen": "{n} of the {asked} cases are of patients whom you had read before: this flatters.",
    "unseen": "No case is of a patient whom you had read before (examples in Learn not counted).",
    "score": "{right} of all {asked} cases right.",
    "first": "The figures are of your first answers, before the model's was seen.",
    "trained_on": "{n} of the {asked} cases are of patients that the model was trained on: there "
    "its answers are no proof of skill.",
    "retest_at": "Take it again, on other scans, from {when:%Y-%m-%d} on: what stays is what "
    "counts.",
    "retest": "Retest: {before} right then, now {difference} percentage points.",
    "retest_hint": "{method}, n = {n}",
    "review": "Look at the cases again",
    "no_review": "The cases can be looked at again when no attempt is left, or one has passed.",
    "look": "Second look",
    "marks": "Where it is",
    "marks_line": "{hits} of {n} clicks hit the finding (within 15 px of its outline).",
    "timed_out": "{n} cases were not answered in time (not right; left out of the figures below)",
}

RESULTS: dict[str, str] = {
    "title": "Results",
    "right": "right",
    "of": "{right} of {n}",
    "ungradable": "{n} ungradable (not counted as right; left out of the figures below)",
    "early": "Ended before its last case: {n} of {asked} answered.",
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

EDUCATORS: dict[str, str] = {
    "link": "Educators",
    "title": "OCT Tutor · Educators",
    "head": "Educators",
    "practise": "Practise",
    "signed_in": "Signed in as {name}",
    "sign_out": "Sign out",
    "at_the_machine": "This page is served to this machine only and there is no educator account "
    "yet: you are the educator. The first account ends that: octtutor educator add NAME",
    "not_allowed": "Expected an educator. You are not signed in, or your sign-in has ended. Reload "
    "the page and sign in.",
    "foreign": "Expected a request from this site's own page. Received one from another site. "
    "Open the page itself.",
    "too_large": "Expected at most {limit} bytes. What was sent is over this maximum allowed size. "
    "Send less, or set OCTTUTOR_MAX_UPLOAD on the server.",
    "no_event": "Expected an event in JSON. Received something else. Reload the page.",
    "address": "Expected a file that was uploaded here. Received a web address. Download it first.",
    "interrupted": "The upload was interrupted. Nothing was kept; upload it again.",
}

SIGN_IN: dict[str, str] = {
    "title": "Sign in · OCT Tutor",
    "head": "Sign in",
    "why": "Importing scans, training and publishing are for educators. Practising needs no "
    "sign-in.",
    "name": "Name",
    "password": "Password",
    "button": "Sign in",
    "back": "Back to practise",
    "none": "There is no educator account yet. Add one on the server: octtutor educator add NAME",
}

SCANS: dict[str, str] = {
    "tab": "Scans",
    "decks": "Decks",
    "deck": "Deck",
    "scans": "Scans",
    "patients": "Patients",
    "imported": "Imported",
    "none": "There are no scans yet. Add some below.",
    "synthetic": "synthetic",
    "unfinished": "import unfinished",
    "add": "Add scans",
    "how": "A ZIP or tar in OCT2017 layout: CLASS/LABEL-PATIENT-N.jpeg, the classes being CNV, "
    "DME, DRUSEN and NORMAL. PNG, JPEG, TIFF, BMP, WEBP, DICOM and device exports are read. "
    "Scans that a deck holds already are not added twice.",
    "file": "ZIP or tar",
    "name": "Deck (optional)",
    "name_hint": "A new name makes a new deck; a known deck is added to.",
    "people_see": "Title (optional)",
    "people_see_hint": "What trainees see; the deck's name by default.",
    "import": "Import",
    "importing": "Importing",
    "no_file": "Expected a ZIP or tar. Received none. Choose a file and wait until it is uploaded.",
    "lost_file": "The uploaded file is not on this server any more. Upload it again.",
    "done": "{deck}: {added} scans added, {already} were there already.",
    "now": "The deck now holds {scans} scans of {patients} patients.",
    "unreadable": "Left out, because they cannot be read: {n}",
    "conflicts": "Left out, because the deck holds the same scan under another label: {n}",
    "more": "… and {n} more",
}

TRAIN: dict[str, str] = {
    "tab": "Train",
    "data": "1 Data",
    "plan": "2 Plan",
    "run": "3 Run",
    "compare": "4 Compare",
    "publish": "5 Publish",
    "decks": "Train on",
    "decks_hint": "Tick the decks whose scans the network is to learn from.",
    "no_decks": "There are no scans yet. Upload some below.",
    "count": "{title} · {scans:,} scans, {patients:,} patients",
    "test": "Measure on",
    "test_hint": "A deck of other patients, on which the new model is measured and compared.",
    "no_test": "A part of the patients, held out by the program (15 % of each class)",
    "upload": "Upload more scans (a ZIP or tar becomes a deck)",
    "upload_add": "Add these scans",
    "look": "Look at the data",
    "looking": "Looking at the scans",
    "leaky": "Train all the same; the figure will be marked leaky",
    "to_plan": "Go on to the plan",
    "look_first": "Expected scans that were looked at. None are. Go to 1 Data and look first.",
    "overlap": "Training and test scans share {patients} patients and {files} files. A network "
    "that has seen a patient is too good on that patient: the figures would not be true. Leave a "
    "deck out, or tick below.",
    "overlap_first": "Expected other patients in the test deck. Some are in both. Choose other "
    "decks, or tick that the figure will be marked leaky.",
    "near_shared": "{n} scans look nearly like a test scan under another name. Perhaps the same "
    "eye: check them.",
    "fine": "Nothing stands in the way: {scans:,} scans of {patients:,} patients.",
    "not_fine": "Training cannot begin with these scans.",
    "held": "Measured on 15 % of each class, held out by patient.",
    "audit_class": "Class",
    "audit_scans": "Scans",
    "audit_patients": "Patients",
    "exact": "Exact copies (groups)",
    "near": "Near copies (groups)",
    "several": "Patients in several classes",
    "shared_patients": "Patients shared with the test deck",
    "shared_files": "Files shared with the test deck",
    "unreadable": "Unreadable files",
    "conflicts": "Scans with two labels",
    "recipe": "Recipe",
    "finetune": "Fine-tune: the whole network learns. The best model; minutes to hours.",
    "features": "Features: a new head on a frozen network, whose answers are kept. Seconds to "
    "minutes; good for a first look.",
    "article": "Article: the 2018 article's recipe on InceptionV3. For comparison with it.",
    "start": "Start from",
    "start_fresh": "ImageNet weights (fresh)",
    "start_model": "The model in use ({name}) and what it knows",
    "start_hint": "A model in use may know patients that the new one is measured on: its figures "
    "are then too good. Fresh, or with a test deck of its own, they are not.",
    "amount": "How long",
    "epochs": "Epochs",
    "minutes": "Minutes",
    "number": "Number",
    "number_hint": "Epochs: passes over all scans. Minutes: as many epochs as fit.",
    "name": "Name of the new model",
    "more": "More choices",
    "backbone": "Backbone",
    "backbone_hint": "lite0, or a name of keras.applications (MobileNetV2, …). Fresh starts only.",
    "weights": "Backbone weights",
    "weights_hint": "imagenet, none, or the path of a Keras weights file on the server.",
    "size": "Side of the input, pixels",
    "size_hint": "Empty: the backbone's own.",
    "batch": "Scans a step",
    "batch_hint": "Empty: the recipe's own.",
    "head": "Head (recipe features)",
    "measure": "Measure the time",
    "start_button": "Start training",
    "measuring": "Measuring a few batches on this machine …",
    "estimate": "About {total} on this machine: {epochs} epochs of {epoch}, {scans:,} scans.",
    "estimate_minutes": "In {minutes} minutes: {epochs} epochs of {epoch}, {scans:,} scans.",
    "not_measured": "Not measured yet.",
    "measure_first": "Expected the time to be measured before minutes become epochs. It is not. "
    "Press Measure the time first.",
    "bad_amount": "Expected a number of {what} of 1 or more. Received {value!r}.",
    "bad_whole": "Expected a whole number for {what!r}. Received {value!r}. Leave it empty for the "
    "default.",
    "job": "Training run",
    "no_jobs": "No training run yet. Begin with 1 Data.",
    "queue": "Waits: {n} in line. Before it: {titles}.",
    "waiting_alone": "Waits for its process.",
    "also_running": "Running now: {title}.",
    "stop": "Stop and keep the best",
    "stopping": "Stopping after this batch …",
    "resume": "Resume",
    "epoch_of": "Epoch {epoch} of {epochs}",
    "step_of": "batch {step:,} of {steps:,}",
    "pace": "{pace:.1f} scans/s",
    "left": "{time} left",
    "log": "Log",
    "cpu": "CPU",
    "memory": "Memory",
    "gpu": "GPU",
    "gpu_memory": "GPU memory",
    "curve_loss": "Loss",
    "curve_accuracy": "Accuracy",
    "curve_hint": "Solid: on the held-out scans. Dashed: while training, on altered scans.",
    "history": "All runs",
    "history_name": "Run",
    "history_when": "Begun (UTC)",
    "history_by": "By",
    "history_state": "State",
    "history_accuracy": "Accuracy",
    "done": "Done: accuracy {accuracy}, weighted error {error}, on {n} scans of {patients} "
    "patients.",
    "next_compare": "Compare with the model in use",
    "no_comparison": "This run has no comparison (yet). It is made when the training ends.",
    "now": "In use when it began: {name}",
    "new": "New: {name}",
    "figure": "Figure",
    "difference": "Difference (new − old)",
    "accuracy": "Accuracy",
    "weighted_error": "Weighted error",
    "interval": "95 % interval over patients",
    "mcnemar": "McNemar's test",
    "mcnemar_words": "Both right {both}, only {first} {only_first}, only {second} {only_second}, "
    "neither {neither}; p = {p:.3g} ({method}).",
    "confusion": "Answers of {name}",
    "confusion_hint": "Rows: truth. Columns: answer.",
    "differing": "Scans on which they differ: {n}",
    "differing_more": "The first {n} are shown.",
    "differing_none": "They give the same answer for every scan.",
    "differing_hint": "Each picture: the scan, where the old model looked, where the new one did.",
    "picture": "A scan, and over it the maps of the old and the new model",
    "said": "truth {truth} · old: {first} · new: {second}",
    "leaky_flag": "leaky",
    "next_publish": "Go on to publish",
    "publish_name": "Publish as",
    "publish_button": "Publish",
    "publish_what": "{run}: accuracy {accuracy}, weighted error {error} on {n} scans of {patients} "
    "patients.",
    "publish_worse": "It is worse than the model it was compared with. Publishing it makes the "
    "quizzes' answers worse.",
    "publish_leaky": "Its figures are leaky: patients of the test scans were in its training.",
    "knows": "It began from {name}, which had been trained on {n} of the patients that it may be "
    "measured on: its figures may be too good.",
    "nothing_to_publish": "This run has made no model (yet).",
    "in_use": "In use now: {name}.",
    "back_to": "Roll back would bring {name}.",
    "back_none": "There is no earlier model to roll back to.",
    "effect": "New quizzes get a published model at once; quizzes under way finish on theirs. The "
    "old model is kept.",
    "roll_back": "Roll back",
    "changed_to": "In use: {name} (before: {before}). New quizzes get it at once; those under way "
    "finish on theirs.",
    "waiting": "waiting",
    "running": "running",
    "done_state": "done",
    "failed": "failed",
    "cut off": "cut off",
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
