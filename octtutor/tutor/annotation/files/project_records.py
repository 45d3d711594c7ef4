"""Of an annotation project, what goes into a file: its scans with a reading, its controls."""

import re
from dataclasses import asdict

from octtutor.core.annotation.annotation import AT_RANDOM, LogEntry, Project, standing
from octtutor.errors import BadInputError, BadScanError, StoreError
from octtutor.store.contract import Store
from octtutor.tutor.annotation.assignment_queue import controls_of
from octtutor.tutor.annotation.files.annotated_scan import AnnotatedScan, Sheet, shown
from octtutor.tutor.annotation.files.deck_matching import facts_of
from octtutor.tutor.decks.deck_schemes import scheme_of
from octtutor.tutor.ports import Clock, Images

_PROJECT = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")


def gather(store: Store, images: Images, project: Project) -> Sheet:
    """Return a project's scans that have a reading, as they stand now.

    A scan that is gone from the deck or the disk is a fault.
    """
    logs: dict[str, list[LogEntry]] = {}
    for entry in store.entries_in(project.name):
        logs.setdefault(entry.sha256, []).append(entry)
    cases = {case.sha256: case for case in store.cases_of(project.deck)}
    scans, faults = [], []
    for sha256, log in sorted(logs.items()):
        state = standing(log)
        if not state.readings and state.settled is None:
            continue
        try:
            facts = facts_of(images, project.deck, cases.get(sha256), sha256)
            scans.append(AnnotatedScan(**asdict(facts), standing=state))
        except (StoreError, BadScanError) as error:
            faults.append(str(error))
    return Sheet(tuple(scans), tuple(faults))


def known_controls(store: Store, project: Project) -> dict[str, str]:
    """Return what is known of a project's controls, by SHA-256."""
    cases = store.cases_of(project.deck)
    controls = controls_of(project, cases)
    return {case.sha256: case.label for case in cases if case.sha256 in controls}


def project_for(store: Store, name: str, deck: str | None, clock: Clock) -> Project:
    """Return the project of a name, or one to be made for a deck; nothing is written.

    Raises:
        BadInputError: there is none and no deck to make it for, it is for another deck, or the
            name cannot be one.
    """
    known = store.find_project(name)
    if known is not None:
        if deck is not None and deck != known.deck:
            raise BadInputError(
                f"Expected the project's deck, {known.deck}. Received {shown(deck)}. Leave "
                "the deck out, or take another project."
            )
        return known
    if not _PROJECT.match(name):
        raise BadInputError(
            "Expected a project's name of a-z, 0-9 and -, at most 64. Received "
            f"{shown(name)}. Take another name."
        )
    if deck is None or store.find_deck(deck) is None:
        raise BadInputError(
            f"Expected a project, or a deck to make it for. There is no "
            f"{'project ' + shown(name) if deck is None else 'deck ' + shown(deck)}. Give --deck, "
            "one of those the records have."
        )
    return Project(
        name=name,
        title=name,
        deck=deck,
        readers=1,
        controls=0.0,
        order=AT_RANDOM,
        random_share=0.0,
        suggest=False,
        seed=0,
        created_at=clock(),
        scheme=scheme_of(store, deck),
    )
