"""The network as a library: three lines, whatever a scan comes as."""

import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from octtutor import load_model
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.errors import BadInputError, BadScanError, ModelError
from octtutor.model.serve.library import (
    Model,
    ModelAnswer,
    OneAtATime,
    ServedModel,
    to_pixels,
)
from octtutor.model.serve.shelf import ModelShelf
from octtutor.phantom import make
from tests.conftest import MODEL, ROOT


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(MODEL)


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return make(Diagnosis.DME, np.random.default_rng(7), (200, 240)).scan


def test_three_lines_answer_and_explain_a_scan(model, scan, tmp_path):
    path = tmp_path / "scan.png"
    Image.fromarray(scan).save(path)
    answer = model.predict(path)
    where = model.explain(path)
    assert isinstance(answer, ModelAnswer)
    assert set(answer.probabilities) == set(map(str, LABELS))
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert answer.label == max(answer.probabilities, key=answer.probabilities.__getitem__)
    assert (answer.model, answer.model_sha256) == (model.name, model.card.weights_sha256)
    assert (where.dtype, where.shape) == (np.float32, scan.shape)
    assert where.min() >= 0
    assert where.max() == pytest.approx(1)


def _kinds(scan: np.ndarray, folder: Path) -> dict:
    image = Image.fromarray(scan)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    path = folder / "scan.png"
    path.write_bytes(buffer.getvalue())
    wide = scan.astype(np.uint16) * 257
    colour = np.dstack([scan] * 3)
    return {
        "path": path,
        "text": str(path),
        "bytes": buffer.getvalue(),
        "pillow": image,
        "pillow, colour": image.convert("RGB"),
        "pillow, alpha": image.convert("LA"),
        "pillow, 16 bits": Image.fromarray(wide),
        "one channel": scan[..., None],
        "channels last": colour,
        "channels first": np.moveaxis(colour, -1, 0),
        "alpha": np.dstack([colour, np.full_like(scan, 255)]),
        "16 bits": wide,
        "16 bits, colour": np.dstack([wide] * 3),
        "shares": scan / 255.0,
        "half floats": scan.astype(np.float16),
        "floats up to 255": scan.astype(np.float32),
        "whole numbers": scan.astype(np.int64),
        "not contiguous": np.asfortranarray(scan),
    }


def test_a_scan_is_the_same_whatever_it_comes_as(scan, tmp_path):
    for kind, given in _kinds(scan, tmp_path).items():
        pixels = to_pixels(given)
        assert pixels.dtype == np.uint8, kind
        np.testing.assert_array_equal(pixels, scan, err_msg=kind)


def test_of_a_stack_the_middle_slice_is_taken(scan, tmp_path):
    pages = [Image.fromarray(np.full_like(scan, n)) for n in (10, 20, 30)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    assert to_pixels(tmp_path / "stack.tif").max() == 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.full((64, 64), np.nan), "NaN"),
        (np.zeros((64, 64, 2)), "channels"),
        (np.zeros((64, 64, 4), np.float32), "alpha"),
        (np.zeros((2, 64, 64, 3), np.uint8), "one scan at a time"),
        (np.zeros(64), "one scan at a time"),
        (np.zeros((8, 64), np.uint8), "at least 32"),
        (np.zeros((0, 0), np.uint8), "at least 32"),
        (np.zeros((64, 64), complex), "whole numbers or floats"),
        (Image.new("L", (64, 8)), "at least 32"),
        (b"<html>", "whole image"),
        (b"", "whole image"),
        (None, "NoneType"),
        ("nowhere.png", "nowhere.png"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_scan_is_refused_in_one_line(given, said):
    with pytest.raises(BadScanError, match=said) as caught:
        to_pixels(given)
    assert "\n" not in str(caught.value)


def test_a_web_address_on_this_machine_is_not_fetched():
    with pytest.raises(BadInputError, match="public web address"):
        to_pixels("http://127.0.0.1/scan.png")


def test_the_class_explained_is_the_answer_or_the_one_asked_for(model, scan):
    of_answer = model.explain(scan)
    answer = model.predict(scan).label
    np.testing.assert_allclose(of_answer, model.explain(scan, answer.lower()), atol=1e-6)
    all_four = model.maps(scan)
    assert all_four.shape == (4, *scan.shape)
    np.testing.assert_allclose(of_answer, all_four[LABELS.index(answer)], atol=1e-5)
    with pytest.raises(BadInputError, match="Expected a class"):
        model.explain(scan, "GLAUCOMA")
    with pytest.raises(BadInputError, match="Expected a method"):
        model.explain(scan, method="tea leaves")


def test_an_unknown_model_is_said():
    with pytest.raises(ModelError, match="Received 'nobody'"):
        load_model("nobody")


def test_a_server_lends_the_model_it_has_and_keeps_no_answer(model, scan, tmp_path):
    shelf = ModelShelf((ROOT / "models",), tmp_path / "predictions")
    served = ServedModel(shelf)
    lent = served.current()
    assert lent.predict(scan).probabilities == pytest.approx(model.predict(scan).probabilities)
    assert served.current() is lent
    assert served.is_ready
    assert not (tmp_path / "predictions").exists()


def test_who_takes_long_lets_others_have_their_turn_between_steps():
    lender, begun, order = OneAtATime("engine"), threading.Event(), []

    def slow(engine: str) -> None:
        begun.set()
        for _ in range(1000):
            if order:
                break
            lender.let_others_in()
        order.append(f"slow with the {engine}")

    thread = threading.Thread(target=lender.use_engine, args=[slow])
    thread.start()
    begun.wait()
    lender.use_engine(lambda engine: order.append(f"quick with the {engine}"))
    thread.join()
    assert order == ["quick with the engine", "slow with the engine"]


def test_asking_for_the_library_loads_no_network():
    code = (
        "import octtutor, octtutor.model.serve.library, sys\n"
        "print('load_model' in octtutor.__all__, callable(octtutor.load_model))\n"
        "print([name for name in ('tensorflow', 'keras', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["True True", "[]"], done.stderr
