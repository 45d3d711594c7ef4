"""Every text of the page, in English; a second language is a second table.

What to look for follows the usual descriptions of these signs on spectral-domain OCT: Kermany
et al., Cell 172:1122 (2018), figure 1; Spaide et al., Ophthalmology 127:616 (2020), consensus
nomenclature for neovascular AMD; Staurenghi et al., Ophthalmology 121:1572 (2014), the layers.
"""

from octtutor.core.diagnosis import Diagnosis

C, M, D, N = Diagnosis.CNV, Diagnosis.DME, Diagnosis.DRUSEN, Diagnosis.NORMAL

TITLE = "OCT Tutor"
TRAIN_TAB = "Train"
"""By its name another tab finds the tab Train."""
TAGLINE = "Learn to read retinal OCT scans"
PURPOSE = "For teaching people to read scans. Not for diagnosis."


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
    "Mastered: a test of 70 against 90 % right, with 5 % error, decided for 90 %; twelve right in "
    "a row do.",
    "no_decks": "There are no scans yet. Import some: octtutor data import FOLDER",
    "no_results": "You have not finished a quiz yet.",
    "in_exam": "Your exam runs: results and cases are told at its end. Reload the page to go on "
    "with it.",
    "not_again": "The truth of these cases is not told yet: another attempt, or an exam that is "
    "under way, may ask them. Look again afterwards.",
    "unfinished": ", import unfinished",
    "synthetic": ", synthetic",
    "lost": "Your quiz is not in the records any more. Start a new one.",
    "model_loading": "The model is loading ({name}). You can start already.",
    "model_ready": "Model: {name}",
    "model_fault": "No model: {fault}",
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


FAULTS: dict[str, str] = {
    "no_function": "Expected a function of this page, by name or number. There is none such.",
    "fault": "Something went wrong here. Tell whoever runs this server the number {number}.",
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
    "withheld": "withheld from trainees",
    "keep": "Deck to change",
    "none_chosen": "Expected a deck. None is chosen. Choose one.",
    "offer": "Offer to trainees",
    "withhold": "Withhold",
    "now_offered": "Trainees can choose {deck} now.",
    "now_withheld": "Trainees cannot choose {deck} any more. What they have begun goes on; "
    "sessions, training and projects can use it.",
    "more_of_deck": "Rename or remove it",
    "new_title": "New title",
    "rename": "Rename",
    "renamed": "It is called {deck} now.",
    "depends": "On it depend {attempts} attempts, {sessions} sessions, {projects} annotation "
    "projects and {quizzes} quizzes: it can be withheld, not removed.",
    "nothing_depends": "Nothing depends on it.",
    "remove": "Remove",
    "remove_sure": "Remove its scans from this server for good",
    "remove_unsure": "Expected your agreement. Tick that the scans shall be removed for good.",
    "removed": "{deck} is removed, with {scans} scans.",
    "offer_it": "Offer it to trainees",
    "offer_it_hint": "Without, a new deck is for educators only: for sessions, training, projects.",
    "scheme": "labels of the scheme {name}",
    "add": "Add scans",
    "how": "A ZIP or tar in OCT2017 layout: CLASS/LABEL-PATIENT-N.jpeg, the classes being those "
    "of a scheme: CNV, DME, DRUSEN and NORMAL, if you choose no other. PNG, JPEG, TIFF, BMP, "
    "WEBP, DICOM and device exports are read. Scans that a deck holds already are not added twice.",
    "file": "ZIP or tar",
    "name": "Deck (optional)",
    "name_hint": "A new name makes a new deck; a known deck is added to.",
    "people_see": "Title (optional)",
    "people_see_hint": "What trainees see; the deck's name by default.",
    "labels_of": "Labels (--scheme)",
    "labels_of_hint": "The list of diagnoses that folders and tables speak of.",
    "deck_scheme": "the deck's own, or the keys of oct2017",
    "meanings": "Other words (--map, optional)",
    "meanings_hint": "What they mean: MH=VID, FTMH=VID",
    "skip": "Leave scans of unknown words out (--skip-unknown)",
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
