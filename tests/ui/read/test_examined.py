"""During an exam neither the service nor Read a scan answers the page's own pictures."""

import base64
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from octtutor.core.educator import Educator
from octtutor.core.quiz import Attempt, CaseOrder, Options, Trainee
from octtutor.datasets.images import ImageFolder
from octtutor.errors import BadInputError
from octtutor.testing import MemoryStore
from octtutor.tutor.decks.deck_import import EMBEDDED, import_scans
from octtutor.tutor.exams.examined import ExaminedScans
from octtutor.tutor.practice.starting import draw_seed
from octtutor.ui.api import Service
from octtutor.ui.quizzes.service_switch import SwitchHandlers, build_service_switch
from octtutor.ui.quizzes.texts import QUIZZES
from octtutor.ui.read.intake import Intake
from octtutor.ui.read.page import ReadHandlers
from octtutor.ui.read.texts import READ
from octtutor.ui.shared.pictures import scan_uri
from tests.conftest import DECK, Clock
from tests.ui.read.test_page import ToldModel, last
from tests.ui.refusing import count_refusals

CASES = 12
ADA = Educator("ada", Clock()())


class House:
    """A server's parts: records with an embedded deck, the service, Read a scan, the switch."""

    def __init__(self, store: MemoryStore, images: ImageFolder, uploads: Path) -> None:
        self.store, self.images, self.uploads, self.model = store, images, uploads, ToldModel()
        self.clock = Clock()
        examined = ExaminedScans(store, images, self.clock)
        intake = Intake(uploads, examined, urls=True)
        self.service = Service(self.model, intake)
        self.read = ReadHandlers(self.model, intake, lambda trainee: False)
        self.switch = SwitchHandlers(examined)
        self.exam = tuple(case.sha256 for case in store.cases_of(EMBEDDED)[::8][:CASES])

    def begin(self) -> Attempt:
        self.store.add_trainee(Trainee("t", "Bo", self.clock()))
        attempt = Attempt(
            "a", "t", "forty", "1", EMBEDDED, CaseOrder.FIXED, draw_seed(), self.exam, self.clock(),
            options=Options(is_exam=True),
        )  # fmt: skip
        self.store.start_attempt(attempt)
        return attempt

    def upload(self, name: str, *scans: np.ndarray) -> str:
        place = self.uploads / f"sha-of-{name}" / name
        place.parent.mkdir(parents=True)
        first, *more = [Image.fromarray(scan) for scan in scans]
        first.save(place, **({"save_all": True, "append_images": more} if more else {}))
        return str(place)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryStore, ImageFolder]:
    store = MemoryStore()
    images = ImageFolder(tmp_path_factory.mktemp("stocked") / "images")
    import_scans(store, images, DECK, Clock(), EMBEDDED)
    return store, images


@pytest.fixture
def house(stocked: tuple[MemoryStore, ImageFolder], tmp_path: Path) -> House:
    store = MemoryStore()
    for deck in stocked[0].decks():
        store.put_deck(deck)
        store.add_cases(deck.name, stocked[0].cases_of(deck.name))
    return House(store, stocked[1], tmp_path / "uploads")


def drawn() -> np.ndarray:
    """A picture that is in no deck."""
    return np.random.default_rng(1).integers(0, 256, (80, 120), np.uint8)


def test_the_service_refuses_the_pages_own_picture_of_all_twelve_cases(house: House):
    house.begin()
    for sha256 in house.exam:
        picture = scan_uri(house.images.read(sha256))  # as the desk sends it: another hash
        case = house.store.get_case(EMBEDDED, sha256)
        for ask in (house.service.predict, house.service.explain):
            with pytest.raises(BadInputError, match="in an exam that is under way") as caught:
                ask(picture)
            said = str(caught.value)
            assert not any(w in said for w in (case.label, case.name, case.patient, sha256[:8]))
    assert house.model.seen == []


def test_the_service_refuses_it_as_an_upload_and_leaves_no_file(house: House):
    house.begin()
    path = house.upload("shot.png", house.images.read(house.exam[0])[10:-20, 15:])
    with pytest.raises(BadInputError, match="in an exam"):
        house.service.predict({"path": path})
    assert not Path(path).exists()


def test_read_a_scan_refuses_it_and_answers_the_others(house: House):
    house.begin()
    mirrored = np.ascontiguousarray(house.images.read(house.exam[1])[:, ::-1])
    paths = [house.upload("shot.png", mirrored), house.upload("own.png", drawn())]
    sitting, view = last(house.read.open(None, None, {"files": paths}))
    assert [item["name"] for item in view["items"]] == ["own.png"]
    assert view["faults"] == [f"shot.png: {READ['examined']}"]
    sitting.close()
    with pytest.raises(BadInputError, match="in an exam"):
        list(house.read.open(None, None, {"files": [house.upload("again.png", mirrored)]}))
    assert len(house.model.seen) == 1


def test_a_stack_with_one_such_slice_is_refused_whole(house: House):
    house.begin()
    scan = house.images.read(house.exam[2])
    other = np.roll(drawn(), 3)
    with pytest.raises(BadInputError, match="in an exam"):
        house.service.predict({"path": house.upload("stack.tif", other, other, scan)}, 0)
    with pytest.raises(BadInputError, match="in an exam"):
        list(house.read.open(None, None, {"files": [house.upload("s2.tif", other, scan)]}))


def test_what_was_open_before_the_exam_began_is_not_answered_after(house: House):
    scan = house.images.read(house.exam[3])[5:]
    sitting, _ = last(house.read.open(None, None, {"files": [house.upload("a.png", scan)]}))
    house.begin()
    for ask in (house.read.turn, house.read.explain):
        with pytest.raises(BadInputError, match="in an exam"):
            list(ask(None, sitting, {"item": 0, "slice": 0}))
    assert len(house.model.seen) == 1
    sitting.close()


def test_after_the_exam_the_picture_is_answered_again(house: House):
    attempt = house.begin()
    picture = scan_uri(house.images.read(house.exam[0]))
    with pytest.raises(BadInputError, match="in an exam"):
        house.service.predict(picture)
    house.store.end_attempt(attempt.id, house.clock())
    assert house.service.predict(picture)["label"] == "DME"


def test_an_educator_switches_the_service_off_for_the_time_of_exams(house: House):
    picture = scan_uri(drawn())
    assert house.switch.set(ADA, True) == (True, QUIZZES["no_exam_runs"])
    assert house.service.predict(picture)["label"] == "DME"
    attempt = house.begin()
    assert house.switch.state() == (True, QUIZZES["exam_runs_closed"])
    with pytest.raises(BadInputError, match="switched the model's answers off") as caught:
        house.service.predict(picture)
    assert "\n" not in str(caught.value)
    path = house.upload("own.png", drawn())
    with pytest.raises(BadInputError, match="switched the model's answers off"):
        list(house.read.open(None, None, {"files": [path]}))
    assert not Path(path).exists()
    assert house.switch.set(ADA, False) == (False, QUIZZES["exam_runs_open"])
    assert house.service.predict(picture)["label"] == "DME"
    house.switch.set(ADA, True)
    house.store.end_attempt(attempt.id, house.clock())
    assert house.service.predict(picture)["label"] == "DME"


def test_only_an_educator_sees_and_sets_the_switch(house: House):
    def build(page: gr.Blocks, handlers: SwitchHandlers, require) -> None:
        with gr.Tab("Quizzes"):
            build_service_switch(page, handlers, require)

    assert count_refusals(build, house.switch) == 2


def test_a_file_in_base64_is_refused_too(house: House):
    house.begin()
    data = house.images.place(house.exam[5]).read_bytes()
    with pytest.raises(BadInputError, match="in an exam"):
        house.service.predict(f"data:image/png;base64,{base64.b64encode(data).decode()}")
