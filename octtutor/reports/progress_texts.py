"""Every text of the tab Progress and of the reports, in English; `Markup` where it is HTML."""

from markupsafe import Markup

PROGRESS: dict[str, str] = {
    "tab": "Progress",
    "waiting": "Reading your records …",
    "empty": Markup(
        "<h2>Nothing to show yet</h2><p>You have not read a scan in this browser. Go to "
        "<b>Practise</b> and read ten: then your learning curve begins, and you see which scans "
        "are due again.</p>"
    ),
    "empty_exam": Markup(
        "<h2>Nothing to show yet</h2><p>An exam gives no feedback until its end. Finish it, then "
        "come back.</p>"
    ),
    "lost": "Expected your records. There are none (any more) for this browser. Reload the page.",
    "kind": "Scans",
    "real": "Patients' scans",
    "synthetic": "Synthetic scans",
    "synthetic_note": "These scans are synthetic: the figures say how you read synthetic scans, "
    "not how you would read patients' scans.",
    "cited": "Whose scans these are",
    "apart": "Synthetic and patients' scans are never counted together.",
    "due": "Due",
    "due_now": "{scans} scans are due, about {minutes} min: {what}.",
    "due_how": Markup("Go to <b>Practise</b>; the adaptive order brings them."),
    "due_later": "Nothing is due now. Next: {what}, {when}.",
    "due_none": "Nothing is scheduled yet.",
    "due_note": "Dates by FSRS (package fsrs), over all scans that you read: a review is three "
    "answers or more, at most one a day, rated by the share right; 90 days at most. FSRS was "
    "fitted to the recall of single items: that it suits categories is carried over.",
    "soon": "today",
    "day": "on {date:%d %b %Y}",
    "mastery_note": "A class is mastered when a sequential test of 70 % against 90 % right, with "
    "5 % error on either side, has decided for 90 %; first readings count. Shown: right within "
    "{seconds} s, of the last {k}.",
    "mastered": "mastered",
    "mastered_head": "Mastery",
    "mastery_of": "{good} of the last {n}",
    "curve": "Learning curve",
    "curve_note": "Share right among the last scans of each class ({block} in all), each class "
    "weighing the same: the adaptive order asks most what you confuse, and would pull a plain "
    "share down. First readings only; Wilson's 95 % interval; the dotted line is guessing. "
    "Neighbouring points share scans. The first 20 are mostly noise, and readers still improved "
    "after 234 (Pusic et al., Acad Med 86:731, 2011).",
    "classes": "Class by class",
    "classes_note": "Wilson 95 % intervals; of scans of one patient on the effective number.",
    "detection_note": "d′ is how well you tell the class from the rest (0 is chance); the "
    "criterion is which way you lean (below 0: you call it too readily). Intervals by Gourevitch "
    "& Galanter (1967), 0.5 added to each count.",
    "confusion": "What you confuse",
    "confusion_note": "Rows: truth. Columns: your answer. U: ungradable. T: timed out.",
    "confusion_time": "The commonest confusions, third by third: share of the scans of the first "
    "class that were called the second, with Wilson's 95 % interval.",
    "span": "Scans {first} to {last}",
    "up_to": "Up to scan {case}",
    "calibration": "How sure you are",
    "calibration_note": "On the line you are right as often as you say. What a level says as a "
    "probability (from 25 % for guessing to 100 % for certain) is our convention.",
    "calibration_none": "You were not asked how sure you were.",
    "too_sure": "You are surer than you are right, by {by} points",
    "too_modest": "You are right more often than you think, by {by} points",
    "in_balance": "You are about as sure as you are right",
    "times": "Response times",
    "times_note": "Medians of stretches of {block} scans or more, with the 95 % interval of order "
    "statistics. Answers that were timed out, or ungradable, are left out.",
    "error": "Beside published readers",
    "weighted": "Weighted error",
    "overconfidence": "Stated minus kept",
    "brier": "Brier score of the stated probability",
    "error_note": "Weighted error: mean penalty a scan (Kermany et al., Cell 172:1122, 2018), "
    "100 % = one point; 0 is perfect. A CNV or DME called normal costs 4 points. It rewards "
    "over-referral: read it with the specificity. Published readers read other scans than you.",
    "second": "Second look",
    "second_none": "You have not taken a second look after the model's answer yet.",
    "exams": "Exams",
    "exams_none": "You have not finished an exam yet.",
    "exam": "Exam",
    "date": "Date",
    "score": "Score",
    "passed": "passed",
    "failed": "not passed",
    "no_mark": "no pass mark",
    "mark": "pass mark {mark:.0f} %",
    "seen_before": "{seen} of {n} scans are of patients that you had read before",
    "in_learn": "{seen} of {n} scans are examples in Learn, with their diagnosis",
    "seen_none": "no patient that you had read before",
    "change": "Change since the exam it repeats",
    "data": "Your data",
    "data_note": "Kept on this server under a random number that only this browser knows.",
    "export": "Export all my data",
    "file": "octtutor-my-data.json",
    "delete": "Delete all my data",
    "delete_what": "This deletes {answers} answers in {attempts} quizzes, {exams} of them exams, "
    "your due dates and your nickname, also from the boards of sessions. It cannot be undone. "
    "Export first if you want to keep a copy.",
    "delete_yes": "Yes, delete everything",
    "delete_no": "Keep my data",
    "deleted": Markup(
        "<h2>Deleted</h2><p>All your data are gone from the records and from this browser. To "
        "begin anew, go to <b>Practise</b>.</p>"
    ),
    "class": "Class",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "d_prime": "d′",
    "criterion": "Criterion",
    "right": "right",
    "wrong": "wrong",
    "answered": "Scans read",
    "accuracy": "Right",
    "balanced": "Right, each class alike",
    "at_random": "Right, scans at random or in exams",
    "repeated": "Right, scans read before (memory)",
    "ungradable": "Called ungradable",
    "timed_out": "Timed out",
    "you": "You",
    "chance": "guessing",
}

AXES: dict[str, str] = {
    "cases": "Scans read",
    "right": "Right",
    "share": "Share",
    "d_prime": "Standard deviations",
    "stated": "How sure, 1 (25 %) to 5 (100 %)",
    "seconds": "Seconds, median",
    "error": "Weighted error",
    "exams": "Exams in order",
    "score": "Score",
}

SECOND: dict[str, str] = {
    "looks": "{n} second looks were taken after the model's answer.",
    "other_words": "{n} second looks were taken beside a model that knows other diagnoses: what it "
    "says stands for some here, and is neither right nor wrong. No figure counts them.",
    "before_after": "Right before: {before}. Right after: {after}.",
    "wrong_to_right": "From wrong to right",
    "right_to_wrong": "From right to wrong",
    "wrong_to_other": "From wrong to another wrong answer",
    "agreed_right": "Ended on the model's answer when it was right",
    "agreed_wrong": "Ended on the model's answer when it was wrong",
    "gave_up": "Over-reliance: gave up a right answer beside a wrong model",
    "followed": "Over-reliance: took over a wrong model's answer when your own was wrong",
    "kept_wrong": "Under-reliance: stayed wrong beside a right model",
    "agreed_right_short": "Agreed, model right",
    "agreed_wrong_short": "Agreed, model wrong",
    "gave_up_short": "Gave up a right one",
    "followed_short": "Took over a wrong one",
    "kept_wrong_short": "Stayed wrong",
    "of": "{k} of {n}",
    "over": "Too much trust: beside a wrong model, {k} of {n} right answers were given up.",
    "not_over": "Beside a wrong model, every right answer was kept ({n} of {n}).",
    "no_over": "The model was right each time: too much trust could not show.",
    "took_over": "Too much trust: where answer and model were wrong in different ways, the model's "
    "was taken over {k} times of {n}.",
    "under": "Too little trust: beside a right model, {k} of {n} wrong answers stayed wrong.",
    "not_under": "Beside a right model, every wrong answer was put right ({n} of {n}).",
    "no_under": "No answer was wrong beside a right model: too little trust could not show.",
    "few": "With so few looks this says little: see the intervals.",
}

REPORT: dict[str, str] = {
    "trainee_title": "Reading report: {name}",
    "session_title": "Session report: {title}",
    "purpose": "For teaching, not for diagnosis.",
    "host": "the educator at this machine",
    "made": "Made {at:%Y-%m-%d %H:%M} UTC by OCT Tutor {version}.",
    "nameless": "no name",
    "print": "Print this page, or save it as PDF, with the browser.",
    "none": "Nothing was read yet.",
    "summary": "Summary",
    "figure": "Figure",
    "value": "Value",
    "interval": "95 % interval",
    "n": "n",
    "method": "Method",
    "who": "Who",
    "source": "Source",
    "synthetic": "The scans are synthetic: the figures say how this deck is read, not how "
    "patients' scans would be read.",
    "synthetic_trainee": "Synthetic scans",
    "real_trainee": "Patients' scans",
    "model_known": "The model answered {asked} times. {known} of these scans are of patients that "
    "it was trained on: there its answers are better than on new patients.",
    "model_known_none": "The model answered {asked} times. No scan is known to be of a patient "
    "that it was trained on.",
    "not_known": "Of {n} it is not known, or cannot be: whose scan it is, or what the model was "
    "trained on, is not told.",
    "readers": "Readers",
    "cases": "Scans",
    "case": "Scan",
    "truth": "Truth",
    "model": "Model",
    "timed_out": "timed out",
    "waiting": "not answered",
    "left_out": "Not counted in the figures: {what}.",
    "not_counted": "not counted",
    "held_back": "The exam is still being read: {n} answers to scans that were not shown to all "
    "are held back, and in no figure but the agreement.",
    "in_learn": "{n} of the exam's {cases} scans are examples in Learn, with their diagnosis.",
    "hardest": "Hardest scans",
    "confusion": "The class's answers",
    "confusion_note": "Rows: truth. Columns: answer. U: ungradable. T: timed out.",
    "agreement": "Agreement of the readers (Fleiss's kappa)",
    "against": "The class and the model",
    "readers_right": "Readers, right",
    "model_right": "Model, right, same scans",
    "difference": "Readers minus model",
    "majority": "The most frequent answer, right",
    "race": "{ahead} readers were ahead of the model, {level} level, {behind} behind.",
    "mcnemar": "Majority against model: both right {both}, only the majority {first}, only the "
    "model {second}, neither {neither}; p = {p:.3g} ({method}).",
    "error": "Weighted error beside published readers",
    "class_error": "The class",
    "second": "Second look",
    "mrmc": "Unaided and aided reading (MRMC)",
    "mrmc_what": "Area under the ROC curve for urgent referral (CNV or DME), from answer and "
    "confidence; a second look takes the confidence of the first. Readers and cases are random.",
    "mrmc_few": "Not possible: {why}.",
    "mrmc_flow": "{readers} of {joined} readers, {cases} scans of {patients} patients, {answers} "
    "first answers.",
    "mrmc_dropped": "{n} readers without an answer that counts are dropped.",
    "mrmc_every": "Not all readers rated all scans. All that was rated, by Gallas's U-statistics "
    "as in iMRMC (which rounds degrees of freedom down):",
    "mrmc_complete": "The {n} scans that all rated both ways, by Obuchowski and Rockette:",
    "mrmc_refused": "Not all readers rated all scans, and several scans are of one patient, which "
    "the analysis of incomplete ratings takes as independent: it is not made. The {n} scans that "
    "all rated both ways, patients clustered:",
    "unaided": "Unaided, mean area",
    "aided": "Aided, mean area",
    "aided_minus": "Aided minus unaided",
    "mrmc_test": "F({df}, {error_df:.1f}) = {f:.2f}, p = {p:.3g}.",
    "facts": "Quiz {quiz} (version {version}), deck {deck}, {cases} scans, {readers} readers. "
    "Opened {opened:%Y-%m-%d %H:%M} UTC by {educator}.",
    "model_named": "Model: {name} (weights {sha256}…).",
    "methods": "Methods",
    "methods_text": "Which answers count: the first of a reader to a scan, in time, before the "
    "scan was shown to all (columns counts and why_not of the CSV). Practice in adaptive order "
    "asks most what was confused: it counts class by class only. Proportions have Wilson's 95 % "
    "interval (JASA 22:209, 1927) on the effective sample size, because answers to a patient's "
    "scans, and of a reader, are alike; means of other values have percentile bootstraps over "
    "patients. Ungradable answers are not right; they are left out of sensitivity, specificity, "
    "d′, calibration, times and weighted error. Only first answers count, but for the second look.",
}
