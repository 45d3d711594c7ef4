"""Every text of an evaluation's figures and report, in English."""

EVALUATION: dict[str, str] = {
    "title": "Evaluation: {model} on {source}",
    "leaky_title": "LEAKY evaluation: {model} on {source}",
    "purpose": "For teaching, not for diagnosis.",
    "made": "Made {at:%Y-%m-%d %H:%M} UTC by OCT Tutor {version}.",
    "print": "Print this page, or save it as PDF, with the browser.",
    "leaky": "LEAKY",
    "leaky_why": "{scans} of {n} scans are of patients that the model was trained on ({patients} "
    "patients, {files} files byte for byte): these figures are too good. Measure on other "
    "patients.",
    "leaky_rest": "On the other {n} scans: {accuracy} right.",
    "leaky_none": "No other scans are left to measure on.",
    "clean": "No scan and no known patient of these is in the model's own training list.",
    "unlisted": "The model does not say what it was trained on; it may know these patients, and "
    "then these figures are too good.",
    "nameless": "The patient of {n} scans is not known: each counts as a patient of its own, so "
    "intervals may be too narrow, and whether the model was trained on those patients cannot be "
    "checked.",
    "synthetic": "The scans are synthetic: the figures say how the model reads synthetic scans, "
    "not how it would read patients' scans.",
    "one_class": "All scans are {label}: sensitivity of the other classes, specificity of "
    "{label}, its ROC and kappa cannot be measured.",
    "mapped": "The scans' labels are words of the scheme {scheme}. Measured over its mapping to "
    "the model's: {counted}.",
    "not_mapped": "{n} scans of {key} are left out: the model has no one word for it. It answered "
    "{answers}.",
    "missing": "No scan of {labels}: what concerns these classes cannot be measured.",
    "one_patient": "All scans are of one patient: figures have no interval over patients and say "
    "nothing of other patients.",
    "unreadable": "Left out, because they cannot be read: {n} ({names}).",
    "and_more": "… and {n} more",
    "unlike": "{n} of {all} are OCT B-scans unlike those that the model learned from: its answers "
    "to them are worth less ({names}).",
    "other scan": "{n} of {all} are pictures of another kind, which the model does not read: its "
    "answers to them mean nothing ({names}).",
    "no scan": "{n} of {all} do not look like OCT B-scans: the model's answers to them mean "
    "nothing ({names}).",
    "unfamiliar": "{n} of {all} scans do not look like the OCT B-scans that the model knows "
    "({names}). By: {method}.",
    "familiar": "All {all} scans look like the OCT B-scans that the model knows. By: {method}.",
    "facts": "{n} scans of {patients} patients. Model {model}, weights {sha256}….",
    "summary": "Figures",
    "figure": "Figure",
    "value": "Value",
    "interval": "95 % interval",
    "n": "n",
    "method": "Method",
    "accuracy": "Accuracy",
    "weighted_error": "Weighted error",
    "urgent": "Urgent referral (CNV or DME)",
    "urgent_sensitivity": "Sensitivity, urgent referral",
    "urgent_specificity": "Specificity, urgent referral",
    "urgent_precision": "Precision, urgent referral",
    "urgent_auroc": "AUROC, urgent referral",
    "kappa": "Cohen's kappa",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "calibrated": "The same of a perfectly calibrated network (chance alone)",
    "classes": "Class by class",
    "class": "Class",
    "scans": "Scans",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "auroc": "AUROC",
    "classes_note": "Proportions with Wilson 95 % intervals over scans; areas under the ROC with "
    "DeLong's. Hover a number for n, interval and method.",
    "roc": "ROC",
    "roc_none": "There is no ROC: it takes scans with and without the class.",
    "roc_note": "Each class against the rest, by its probability, and urgent referral by that of "
    "CNV and DME together. The marks are where the model's own answers lie.",
    "chance": "guessing",
    "false_positives": "1 − specificity",
    "calibration": "Calibration",
    "calibration_note": "On the dotted line the answers are right as often as the model says. A "
    "mark a tenth of the probability, Wilson 95 % over scans.",
    "stated": "Stated probability of the answer",
    "right": "Right",
    "bin": "{low:.0f} to {high:.0f} %",
    "said": "Stated, mean",
    "confusion": "Confusion",
    "confusion_note": "Rows: truth. Columns: answer. Click a number to see its scans.",
    "cell": "{n} of {of} {truth} scans answered {label}: {share}, {method}. Click to see them.",
    "error": "Beside published figures",
    "error_note": "Weighted error: mean penalty a scan (Kermany et al., Cell 172:1122, 2018), "
    "100 % = one point; 0 is perfect. A CNV or DME called normal costs 4 points. It rewards "
    "over-referral: read it with the specificity. Sensitivity, specificity and AUROC are of urgent "
    "referral (CNV or DME). All of these were measured on other scans than these, so a difference "
    "need not be the model's.",
    "sources": "Source by source",
    "all": "all",
    "coverage": "Answered by itself",
    "right_of_these": "Right of these",
    "over_patients": "95 % interval over patients",
    "sources_note": "By itself the model answers OCT B-scans where its highest probability is "
    "{threshold:.2f} or more (0: always); accuracy is of all scans. Hover a number for n.",
    "who": "Who",
    "source": "Source",
    "this": "This model, these scans",
    "overlap": "Overlap with the model's own training",
    "overlap_files": "Files that it was trained on",
    "overlap_patients": "Patients that it was trained on",
    "overlap_scans": "Scans of those patients",
    "overlap_names": "For example: {names}",
    "corrupted": "Corrupted copies",
    "corrupted_note": "Accuracy on copies as other devices and protocols would make them, "
    "severity 1 (hardly seen) to 5, after MedMNIST-C (Di Salvo et al., 2024). At severity 3 and "
    "more, “off fovea” may have cut the lesion away.",
    "copies": "All copies",
    "kind": "Kind",
    "healthy": "Healthy called diseased",
    "misses": "Errors, with maps",
    "no_misses": "Nothing was misclassified.",
    "wrong_order": "The surest errors first.",
    "right_order": "The least sure first.",
    "maps_note": "Beside each scan, the map of the network's answer and, where that was wrong, of "
    "the truth. {method}: {method_shows}. A map is a hint, not evidence: it may look right and be "
    "wrong (Adebayo 2018; Arun 2021).",
    "right_scans": "Right answers",
    "right_note": "Shown when their number in the confusion matrix is clicked.",
    "group": "{truth} taken for {label}",
    "group_right": "{label}, answered right",
    "shown_of": "{shown} of {n} scans",
    "left_out": "{n} are left out",
    "left_out_page": "{n} more scans of this kind are counted, but their pictures are not kept",
    "scan": "Scan",
    "map": "Map for {label}",
    "back": "Back to the matrix",
    "answered": "truth {truth}, answer {label} {chance:.2f}",
    "trained": "in the model's training",
    "methods": "Methods",
    "methods_text": "Accuracy, weighted error, Brier score and calibration error have intervals "
    "that resample whole patients (percentile bootstrap of clusters, 2,000 repeats: Field & Welsh, "
    "JRSS B 69:369, 2007), because scans of one patient are alike. Proportions of a class have "
    "Wilson's (JASA 22:209, 1927), areas under the ROC DeLong's on the logit scale (Biometrics "
    "44:837, 1988), kappa Fleiss, Cohen & Everitt's (1969): these three take scans as independent, "
    "so where patients have several scans they are somewhat too narrow. Calibration error: Guo et "
    "al. (ICML 2017), 15 bins.",
}

PUBLISHED_MODELS: tuple[tuple[str, str, str, str, str, str, str], ...] = (
    (
        "Network, all training data (InceptionV3, frozen)",
        "96.6 %",
        "97.8 %",
        "97.4 %",
        "6.6 %",
        "99.9 %",
        "Kermany et al., Cell 172:1122 (2018), 1,000 scans",
    ),
    (
        "Network, limited data (1,000 a class)",
        "93.4 %",
        "96.6 %",
        "94.0 %",
        "12.7 %",
        "98.8 %",
        "Kermany et al. (2018), the same 1,000 scans",
    ),
    (
        "Six human experts",
        "–",
        "–",
        "–",
        "0.4 to 10.5 %, mean 4.8 %",
        "–",
        "Kermany et al. (2018), the same 1,000 scans",
    ),
    (
        "InceptionV3 frozen, Dense(64)",
        "94 % (validation)",
        "–",
        "–",
        "–",
        "–",
        "Mapshalli (2018), the article",
    ),
    (
        "Cached features, 1×1 convolution head",
        "98 to 99.1 % (validation)",
        "–",
        "–",
        "–",
        "–",
        "the article's follow-up",
    ),
    ("Split by patient", "98.5 %", "–", "–", "–", "–", "Chetoui (2020)"),
    (
        "Shallow network, the original (leaky) split",
        "92.8 %",
        "–",
        "–",
        "–",
        "–",
        "Tampu, Eklund & Haj-Hosseini, Sci Data (2022)",
    ),
    (
        "The same, split by patient",
        "69.4 %",
        "–",
        "–",
        "–",
        "–",
        "Tampu, Eklund & Haj-Hosseini, Sci Data (2022)",
    ),
)
"""Who, accuracy, sensitivity, specificity, weighted error, AUROC, source."""
