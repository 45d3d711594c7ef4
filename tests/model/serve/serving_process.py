"""A server, a quiz of ten, a read scan; then it prints which heavy modules were loaded, and ends.

OCTTUTOR_HOME=… python -m tests.model.serve.serving_process PORT
"""

import json
import os
import signal
import sys

from octtutor import wiring
from octtutor.core.diagnosis import LABELS
from octtutor.datasets.decode import read_scan
from octtutor.model.serve.engine_choice import EngineChoice
from octtutor.model.serve.library import ServedModel
from octtutor.model.serve.shelf import ModelShelf
from octtutor.tutor.practice.practice import Practice
from tests.conftest import DECK

HEAVY = ("tensorflow", "keras", "jax", "torch", "openvino", "gradio")


def play(practice: Practice) -> list[str]:
    """Play ten cases; return which model answered each."""
    who = practice.enrol(None, "Ada").id
    attempt = practice.start(who, wiring.EMBEDDED, 10)
    models = []
    for position in range(10):
        practice.commit(who, attempt.id, position, LABELS[0], 3)
        told = practice.reveal(who, attempt.id, position)
        models.append(told.prediction.model if told.prediction else str(told.model_fault))
        practice.next_question(who, attempt.id, position)
    return models


def main(port: int) -> None:
    """Serve, and do all this when the page is up."""
    settings = wiring.read_settings()

    def use(_address: str) -> None:
        choice = EngineChoice(settings.engine)
        shelf = ModelShelf(settings.model_folders, settings.predictions, choice=choice)
        archive = wiring.open_archive(settings)
        models = play(Practice(archive.store, archive.images, shelf, wiring.now))
        model, scan = ServedModel(shelf).current(), read_scan(next(DECK.rglob("*.png")))
        answer, maps = model.predict(scan), model.maps(scan)
        loaded = [name for name in HEAVY if name in sys.modules]
        facts = {"models": models, "label": answer.label, "maps": len(maps), "loaded": loaded}
        print(json.dumps(facts), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)  # the page would go on

    wiring.serve(settings, "127.0.0.1", port, False, use)


if __name__ == "__main__":
    main(int(sys.argv[1]))
