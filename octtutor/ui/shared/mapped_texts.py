"""What is said of a network's answer on a scan that was asked in other diagnoses than its own."""

from octtutor.core.scheme import Counterparts

MAPPED: dict[str, str] = {
    "stands_for": "This network's {label} stands for {there} here. It learnt other diagnoses: it "
    "counts as neither right nor wrong.",
    "stands_for_none": "This network's {label} stands for no diagnosis here. It counts as neither "
    "right nor wrong.",
    "knows_no": "This network knows no {truth}.",
}


def mapped_notes(
    label: str, counterparts: Counterparts | None, truth: str | None = None
) -> list[str]:
    """Say what an answer stands for, and whether the network has a word for the truth.

    Args:
        label: key of the network's answer.
        counterparts: what its answers stand for; None where they are of the deck's scheme, of
            which nothing is said.
        truth: key of the scan's diagnosis; None where it is not to be told yet.
    """
    if counterparts is None:
        return []
    there = " or ".join(counterparts.stand_for(label))
    notes = [MAPPED["stands_for" if there else "stands_for_none"].format(label=label, there=there)]
    if truth is not None and not counterparts.know(truth):
        notes.append(MAPPED["knows_no"].format(truth=truth))
    return notes
