"""A DICOM header says what its frames show, how they lie on the retina, and a pixel's size."""

from pathlib import Path

import numpy as np
import pytest

from octtutor.datasets.scan_picture import FileFacts
from octtutor.datasets.volumes import open_volume
from tests.datasets.exports import bscans, dicom

pydicom = pytest.importorskip("pydicom", reason="needs pip install 'octtutor[formats]'")

SCANS = bscans(4)
SOP = "1.2.840.10008.5.1.4.1.1."
TURN = np.linspace(0, 2 * np.pi, 24)
CIRCLE = np.column_stack([300 + 90 * np.sin(TURN), 200 + 90 * np.cos(TURN)]).ravel().tolist()


def items(name: str, **tags):
    """Return a sequence of one item, under its name."""
    from pydicom.dataset import Dataset

    item = Dataset()
    for tag, value in tags.items():
        setattr(item, tag, value)
    return {name: [item]}


def place(points: list[float], lies: str = "LINEAR"):
    """Return where a frame lies on the fundus: rows and columns of its points."""
    facts = {"ReferenceCoordinates": points, "OphthalmicImageOrientation": lies}
    return items("OphthalmicFrameLocationSequence", **facts)


def frames(*places) -> dict:
    """Return the functional groups of frames at these places."""
    groups = [items("X", **one)["X"][0] for one in places]
    return {"PerFrameFunctionalGroupsSequence": groups}


def patterns(path: Path, **tags) -> list[str | None]:
    volume = open_volume(dicom(path / "a.dcm", SCANS, **tags))
    return [volume.picture(index).pattern for index in range(volume.count)]


def lines(*angles: float, apart: float) -> dict:
    """Return straight frames at these angles, whose middles lie apart."""
    ways = [np.array([np.sin(angle), np.cos(angle)]) for angle in angles]
    middles = [np.array([200 + apart * k, 300.0]) for k in range(len(ways))]
    return frames(
        *(
            place([*(middle - 100 * way), *(middle + 100 * way)])
            for middle, way in zip(middles, ways, strict=True)
        )
    )


def test_lines_that_cross_are_radial_and_parallel_ones_a_volume(tmp_path: Path):
    assert patterns(tmp_path, **lines(0, 0.8, 1.6, 2.4, apart=0)) == ["radial"] * 4
    assert patterns(tmp_path, **lines(0, 0, 0, 0, apart=20)) == ["volume"] * 4
    assert patterns(tmp_path, **lines(0, 0.8, 1.6, 2.4, apart=90)) == [None] * 4


def test_a_circle_and_a_plane_are_told_frame_by_frame(tmp_path: Path):
    line = place([10, 10, 10, 90])
    mixed = frames(line, place(CIRCLE, "NONLINEAR"), place([5, 5], "TRANSVERSE"), {})
    assert patterns(tmp_path, **mixed) == ["line", "circle", "en face", None]
    open_curve = place(CIRCLE[:24], "NONLINEAR")
    assert patterns(tmp_path, **frames(*[open_curve] * 4)) == [None] * 4


def test_one_place_may_be_said_for_all_frames(tmp_path: Path):
    group = items("SharedFunctionalGroupsSequence", **place(CIRCLE, "NONLINEAR"))
    assert patterns(tmp_path, **group) == ["circle"] * 4


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"SOPClassUID": SOP + "77.1.5.1"}, "fundus"),
        ({"SOPClassUID": SOP + "77.1.5.6"}, "fundus"),
        ({"SOPClassUID": SOP + "77.1.5.7"}, "en face"),
        ({"SOPClassUID": SOP + "77.1.5.8"}, "angiography"),
        ({"SOPClassUID": SOP + "81.1"}, "thickness map"),
        ({"SOPClassUID": SOP + "14.1"}, "vessel"),
        ({"SOPClassUID": SOP + "7", "Modality": "OP"}, "fundus"),
        ({"SOPClassUID": SOP + "7", "Modality": "OPTENF"}, "en face"),
        ({"SOPClassUID": SOP + "7", "Modality": "OT"}, None),
        ({"ImageType": ["DERIVED", "PRIMARY", "EN_FACE"]}, "en face"),
        ({"ImageType": ["DERIVED", "PRIMARY", "OCTA"]}, "angiography"),
        ({"ImageType": ["DERIVED", "PRIMARY", "OCT AVERAGED"]}, None),
        ({"ImageType": "ORIGINAL"}, None),
        (items("AnatomicRegionSequence", CodeValue="28726007"), "front"),
        (items("AnatomicRegionSequence", CodeValue="T-AA610"), None),
    ],
)
def test_what_is_no_scan_of_the_retina_is_named(tags: dict, said: str | None, tmp_path: Path):
    assert patterns(tmp_path, **tags) == [said] * 4


def test_an_en_face_picture_of_flow_is_angiography(tmp_path: Path):
    meaning = "Superficial retina vasculature flow"
    kind = items("OphthalmicImageTypeCodeSequence", CodeValue="128265", CodeMeaning=meaning)
    assert patterns(tmp_path, SOPClassUID=SOP + "77.1.5.7", **kind) == ["angiography"] * 4


def test_a_pixels_size_is_read_from_the_file_or_its_groups(tmp_path: Path):
    told = open_volume(dicom(tmp_path / "a.dcm", SCANS[0], PixelSpacing=[0.0039, 0.0115]))
    assert told.picture(0).spacing == pytest.approx((3.9, 11.5))
    sizes = items("PixelMeasuresSequence", PixelSpacing=[0.002, 0.02])
    shared = items("SharedFunctionalGroupsSequence", **sizes)
    assert open_volume(dicom(tmp_path / "b.dcm", SCANS, **shared)).picture(3).spacing == (2.0, 20.0)
    absurd = open_volume(dicom(tmp_path / "c.dcm", SCANS[0], PixelSpacing=[1, 1]))
    assert absurd.facts == (FileFacts(),)


def test_a_garbled_place_says_nothing_and_the_frames_are_read(tmp_path: Path):
    assert patterns(tmp_path, **frames(*[place([1.0, 2.0, 3.0])] * 4)) == [None] * 4
    none = items("OphthalmicFrameLocationSequence", OphthalmicImageOrientation="NONLINEAR")
    assert patterns(tmp_path, **frames(*[none] * 4)) == [None] * 4
