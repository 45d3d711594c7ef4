"""Annotations out and in: nothing is lost on the way, and every fault has its line."""

import contextlib
import csv
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from octtutor.core.annotation.annotation import (
    AT_RANDOM,
    FINDINGS,
    Kind,
    LogEntry,
    Mark,
    Project,
    Reading,
    ReadingSource,
    ScanStanding,
    standing,
)
from octtutor.core.annotation.annotation_json import mark_to_dict
from octtutor.core.annotation.region_shape import Box, Brush, Ellipse, Polygon, Spot
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.datasets.member import Member
from octtutor.datasets.sources import open_source, scans_of
from octtutor.errors import BadInputError
from octtutor.testing import MemoryStore
from octtutor.tutor.annotation.assignment_queue import Workload
from octtutor.tutor.annotation.files.annotated_scan import AnnotatedScan, Sheet
from octtutor.tutor.annotation.files.annotation_import import import_entries, import_sheet
from octtutor.tutor.annotation.files.brush_rle import pack, unpack
from octtutor.tutor.annotation.files.coco import read_coco, unpack_counts, write_coco
from octtutor.tutor.annotation.files.deck_matching import match
from octtutor.tutor.annotation.files.file_formats import read_file, write_many
from octtutor.tutor.annotation.files.jsonl import read_jsonl, write_jsonl
from octtutor.tutor.annotation.files.labelstudio import SETUP, read_label_studio, write_label_studio
from octtutor.tutor.annotation.files.masks import read_masks, write_masks
from octtutor.tutor.annotation.files.oct2017_folder import (
    common_findings,
    hold,
    lesion_mask,
    read_folder,
    without_misread,
    write_folder,
)
from octtutor.tutor.annotation.files.project_records import gather, known_controls, project_for
from octtutor.tutor.annotation.files.table import read_clicks, read_csv, write_csv
from octtutor.tutor.annotation.shapes import dice, from_counts, to_counts, to_mask, union_mask
from octtutor.tutor.decks.deck_import import import_scans
from octtutor.ui.canvas.canvas import read_marks

pytestmark = pytest.mark.filterwarnings(  # pycocotools 2.0.11 under NumPy 2
    "ignore:__array__ implementation:DeprecationWarning"
)
WIDTH, HEIGHT = 44, 36
SHA = "a" * 64
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
xs, ys = st.floats(0, WIDTH), st.floats(0, HEIGHT)
long = st.floats(0.5, 20)
points = st.lists(st.tuples(xs, ys), min_size=3, max_size=8).map(tuple)


@st.composite
def brushes(draw) -> Brush:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mask = rng.random((HEIGHT, WIDTH)) < draw(st.floats(0.01, 0.99))
    mask[0, 0] = True
    return Brush(to_counts(mask), WIDTH, HEIGHT)


shapes = st.one_of(
    st.builds(Box, xs, ys, long, long),
    st.builds(Polygon, points),
    st.builds(Spot, xs, ys),
    st.builds(Ellipse, xs, ys, long, long, st.floats(-180, 180)),
    brushes(),
)
marks = st.lists(st.builds(Mark, words, st.sampled_from(FINDINGS), shapes, words), max_size=4).map(
    tuple
)
readings = st.builds(
    Reading,
    st.booleans(),
    st.none() | st.sampled_from(LABELS),
    st.lists(st.sampled_from(FINDINGS), unique=True).map(tuple),
    marks,
    st.integers(0, 5),
    st.integers(0, 10**7),
    st.booleans(),
    words,
)
standings = st.builds(
    ScanStanding,
    st.dictionaries(words.filter(bool), readings, max_size=2),
    st.none() | readings,
)
scans_drawn = st.builds(
    AnnotatedScan,
    st.just("ward"),
    st.sampled_from(["a" * 64, "b" * 64]),
    words.filter(bool),
    words,
    st.just(WIDTH),
    st.just(HEIGHT),
    standings,
)
some = st.lists(scans_drawn, min_size=1, max_size=2, unique_by=lambda scan: scan.sha256).map(tuple)


def scan_of(*, settled: Reading | None = None, **by_reader: Reading) -> AnnotatedScan:
    stand = ScanStanding(by_reader, settled)
    return AnnotatedScan("ward", SHA, "CNV/CNV-1-1.png", "1", WIDTH, HEIGHT, stand)


def reading_of(*shapes_: object, finding: str = "drusen", diagnosis=Diagnosis.CNV) -> Reading:
    drawn = tuple(Mark(f"m{n}", finding, shape) for n, shape in enumerate(shapes_))
    return Reading(True, diagnosis, (finding,), drawn)


def members_of(files) -> tuple[Member, ...]:
    return tuple(Member(name, lambda data=data: data) for name, data in files)


@given(some)
def test_jsonl_comes_back_whole(scans):
    assert read_jsonl(write_jsonl(scans)) == Sheet(scans)


@given(some)
def test_csv_comes_back_whole(scans):
    assert read_csv(write_csv(scans)) == Sheet(scans)


@given(some)
def test_coco_comes_back_whole(scans):
    assert read_coco(write_coco(scans)) == Sheet(scans)


@given(some)
def test_label_studio_comes_back_whole_but_for_readings_that_say_nothing(scans):
    sheet = read_label_studio(write_label_studio(scans))
    assert sheet.faults == ()
    assert [scan.facts for scan in sheet.scans] == [scan.facts for scan in scans]
    for before, after in zip(scans, sheet.scans, strict=True):
        said = {who: r for who, r in before.standing.readings.items() if r != Reading(True, None)}
        assert after.standing.readings == said
        if before.standing.settled != Reading(True, None):
            assert after.standing.settled == before.standing.settled


@given(some)
def test_masks_come_back_with_all_but_the_shapes(scans):
    sheet = read_masks(members_of(write_masks(scans)))
    assert sheet.faults == ()
    by_hash = {scan.sha256: scan for scan in sheet.scans}
    for scan in scans:
        for who, reading in scan.standing.readings.items():
            back = by_hash[scan.sha256].standing.readings[who]
            assert replace(back, marks=()) == replace(reading, marks=())
            named = {(m.finding, m.caption) for m in reading.marks}
            assert sorted((m.finding, m.caption) for m in back.marks) == sorted(named)
            for name in named:
                both = [
                    [m for m in r.marks if (m.finding, m.caption) == name] for r in (reading, back)
                ]
                one, other = (union_mask(found, WIDTH, HEIGHT) for found in both)
                np.testing.assert_array_equal(one, other)


@given(st.lists(shapes, min_size=1, max_size=6))
def test_pycocotools_loads_the_file_and_finds_the_same_areas(drawn):
    scan = scan_of(ada=reading_of(*drawn))
    coco = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        coco.dataset = json.loads(write_coco([scan]))
        coco.createIndex()
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list(FINDINGS)
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert len(annotations) == len(drawn)
    for shape, annotation in zip(drawn, annotations, strict=True):
        theirs = coco.annToMask(annotation)
        ours = to_mask(shape, WIDTH, HEIGHT)
        np.testing.assert_array_equal(theirs * 255, ours)
        assert annotation["area"] == coco_masks.area(coco.annToRLE(annotation))
        x, y, width, height = annotation["bbox"]
        rows, columns = np.nonzero(ours)
        assert all(x - 1 <= c <= x + width + 1 for c in columns)
        assert all(y - 1 <= r <= y + height + 1 for r in rows)


def test_pycocotools_reads_the_file_from_disk(tmp_path: Path, capsys):
    path = tmp_path / "coco.json"
    path.write_bytes(write_coco([scan_of(ada=reading_of(Box(2, 3, 10, 4)))]))
    coco = COCO(str(path))
    (annotation,) = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["drusen"])))
    assert annotation["area"] == 40
    assert annotation["bbox"] == [2, 3, 10, 4]
    assert "index created" in capsys.readouterr().out


@given(brushes())
def test_coco_s_compressed_run_lengths_are_unpacked(brush):
    mask = from_counts(brush.counts, WIDTH, HEIGHT)
    text = coco_masks.encode(np.asfortranarray(mask // 255))["counts"].decode()
    assert unpack_counts(text) == brush.counts


@pytest.mark.parametrize("text", ["é", "\x1f", "o", "P" * 40])
def test_other_text_is_no_run_lengths(text):
    with pytest.raises(BadInputError, match="compressed run lengths"):
        unpack_counts(text)


def foreign_coco(*annotations: dict, **image: object) -> bytes:
    own = {"id": 7, "file_name": "img/CNV-1-1.png", "width": WIDTH, "height": HEIGHT, **image}
    names = ("IRF", "Drusen", "optic disc")
    categories = [{"id": 10 + n, "name": name} for n, name in enumerate(names)]
    numbered = [{"id": n, "image_id": 7, **one} for n, one in enumerate(annotations, start=1)]
    return json.dumps({"images": [own], "categories": categories, "annotations": numbered}).encode()


def test_a_foreign_coco_file_is_read_without_our_keys():
    brush = Brush(to_counts(to_mask(Ellipse(20, 20, 8, 5), WIDTH, HEIGHT)), WIDTH, HEIGHT)
    packed = coco_masks.encode(np.asfortranarray(to_mask(brush, WIDTH, HEIGHT) // 255))
    size = [HEIGHT, WIDTH]
    sheet = read_coco(
        foreign_coco(
            {"category_id": 11, "segmentation": [[1, 1, 9, 1, 9, 9], [20, 20, 30, 20, 30, 30]]},
            {"category_id": 10, "bbox": [3, 4, 5, 6]},
            {"category_id": 10, "segmentation": {"counts": list(brush.counts), "size": size}},
            {
                "category_id": 11,
                "segmentation": {"counts": packed["counts"].decode(), "size": size},
            },
        )
    )
    assert sheet.faults == ()
    (scan,) = sheet.scans
    assert (scan.name, scan.sha256) == ("img/CNV-1-1.png", "")
    reading = scan.standing.readings[""]
    assert reading.findings == ("drusen", "intraretinal fluid")
    first, second, box, painted, unpacked = (mark.shape for mark in reading.marks)
    assert first == Polygon(((1, 1), (9, 1), (9, 9)))
    assert second == Polygon(((20, 20), (30, 20), (30, 30)))
    assert box == Box(3, 4, 5, 6)
    assert painted == unpacked == brush


def test_each_fault_of_a_coco_file_has_a_line_and_the_rest_comes_in():
    good = {"category_id": 11, "bbox": [3, 4, 5, 6]}
    sheet = read_coco(
        foreign_coco(
            good,
            {"category_id": 12, "bbox": [3, 4, 5, 6]},
            {"category_id": 12, "bbox": [4, 4, 5, 6]},
            {"category_id": 99, "bbox": [3, 4, 5, 6]},
            {"category_id": 11, "bbox": [3, 4, 5, 6], "image_id": 8},
            {"category_id": 11, "bbox": [3, 4, 5, 6], "id": 1},
            {"category_id": 11, "bbox": [3, 4, 5]},
            {"category_id": 11, "segmentation": [[1, 2, 3]]},
            {"category_id": 11, "segmentation": [["x", 2, 3, 4]]},
            {"category_id": 11, "segmentation": {"counts": [10**400], "size": ["x", 4]}},
        )
    )
    (scan,) = sheet.scans
    assert [mark.shape for mark in scan.standing.readings[""].marks] == [Box(3, 4, 5, 6)]
    assert len(sheet.faults) == 8
    assert "category 'optic disc': Expected a finding from the list. 2 regions" in sheet.faults[-1]
    assert any("id of a category" in line for line in sheet.faults)
    assert any("id of an image" in line for line in sheet.faults)
    assert any("second annotation" in line for line in sheet.faults)


def test_a_category_id_that_is_given_twice_counts_for_neither():
    values = json.loads(
        foreign_coco(
            {"category_id": 10, "bbox": [1, 1, 5, 6]}, {"category_id": 11, "bbox": [3, 4, 5, 6]}
        )
    )
    values["categories"].append({"id": 10, "name": "SRF"})
    sheet = read_coco(json.dumps(values).encode())
    (scan,) = sheet.scans
    assert [mark.shape for mark in scan.standing.readings[""].marks] == [Box(3, 4, 5, 6)]
    assert "category '10': Expected an id of its own" in sheet.faults[0]
    assert len(sheet.faults) == 2


def test_annotations_without_ids_and_sizes_with_a_point_are_read():
    boxes = [{"category_id": 11, "bbox": [n, 4, 5, 6]} for n in (1, 2)]
    values = json.loads(foreign_coco(*boxes, width=float(WIDTH)))
    del values["annotations"][0]["id"]
    values["annotations"][1]["id"] = None
    sheet = read_coco(json.dumps(values).encode())
    assert sheet.faults == ()
    (scan,) = sheet.scans
    assert scan.width == WIDTH
    assert len({mark.id for mark in scan.standing.readings[""].marks}) == 2
    table = read_csv(b"name,width,height,diagnosis\na.png,44.0,36.0,CNV\nb.png,44.5,36,CNV\n")
    assert [one.width for one in table.scans] == [WIDTH]
    assert table.faults[0].startswith("row 3")


def test_an_image_of_absurd_size_is_a_fault_and_costs_no_memory():
    spot = {"kind": "spot", "x": 1, "y": 1}
    data = foreign_coco(
        {"category_id": 11, "segmentation": {}, "shape": spot}, width=10**9, height=10**9
    )
    sheet = read_coco(data)
    assert sheet.scans == ()
    assert "pixels" in sheet.faults[0]


def test_what_another_program_moved_counts_and_not_our_own_key():
    values = json.loads(write_coco([scan_of(ada=reading_of(Box(2, 3, 10, 4)))]))
    values["annotations"][0]["segmentation"] = [[5, 5, 9, 5, 9, 9]]
    (scan,) = read_coco(json.dumps(values).encode()).scans
    assert scan.standing.readings["ada"].marks[0].shape == Polygon(((5, 5), (9, 5), (9, 9)))
    tasks = json.loads(write_label_studio([scan_of(ada=reading_of(Box(2, 3, 10, 4)))]))
    tasks[0]["annotations"][0]["result"][0]["value"]["x"] = 50
    (scan,) = read_label_studio(json.dumps(tasks).encode()).scans
    assert scan.standing.readings["ada"].marks[0].shape.x == WIDTH / 2


@pytest.mark.parametrize("read", [read_coco, read_label_studio])
@pytest.mark.parametrize("data", [b"", b"\xff", b"7", b"[" * 100_000, b'{"images": []}'])
def test_what_is_no_such_file_is_refused(read, data):
    with pytest.raises(BadInputError, match="Expected"):
        read(data)


def test_a_broken_line_of_jsonl_is_a_fault_and_the_others_come_in():
    good = write_jsonl([scan_of(ada=reading_of(Box(2, 3, 10, 4)))])
    bad = [b"{", b"[]", b"7", b'{"readings": {"ada": {}}}', b'{"sha256": 3}', b"\xff"]
    sheet = read_jsonl(b"\n".join([b"\xef\xbb\xbf" + good.strip(), b"", *bad]))
    assert len(sheet.scans) == 1
    assert [line.split(":")[0] for line in sheet.faults] == [f"line {n}" for n in range(3, 9)]


def test_a_csv_can_be_read_by_people_and_is_no_formula():
    reading = replace(reading_of(Box(1, 1, 5, 5)), note="=cmd()", confidence=4)
    rows = list(csv.DictReader(io.StringIO(write_csv([scan_of(ada=reading)]).decode())))
    assert rows[0]["note"] == "'=cmd()"
    assert (rows[0]["reader"], rows[0]["diagnosis"], rows[0]["regions"]) == ("ada", "CNV", "1")
    assert read_csv(write_csv([scan_of(ada=reading)])).scans == (scan_of(ada=reading),)


def test_a_diagnosis_that_the_scheme_lacks_has_a_line(store, images, ward):
    sheet = read_csv(b"name,diagnosis\nCNV-1000-1.png,GLAUCOMA\n")
    checked = match(store, images, "ward", sheet)
    assert checked.scans == ()
    (fault,) = checked.faults
    assert fault.startswith(
        "'CNV/CNV-1000-1.png': Expected a diagnosis of CNV, DME, DRUSEN, NORMAL."
    )
    assert "Received 'GLAUCOMA'" in fault


def test_a_csv_with_few_columns_is_enough():
    sheet = read_csv(b"name,diagnosis,marks\nCNV-1-1.png,cnv,\nDME-2-1.png,dme,{\nx.png,,\n")
    assert [scan.name for scan in sheet.scans] == ["CNV-1-1.png", "x.png"]
    assert sheet.scans[0].standing.readings == {"": Reading(True, Diagnosis.CNV)}
    (fault,) = sheet.faults
    assert fault.startswith("row 3: ")
    assert sheet.scans[1].standing == ScanStanding({}, None)
    with pytest.raises(BadInputError, match="columns name or sha256"):
        read_csv(b"file,label\nx,CNV\n")


def test_regions_of_a_csv_may_be_longer_than_python_s_own_limit():
    rim = tuple((x / 100, float(x % 2)) for x in range(2000))
    scan = scan_of(ada=reading_of(*[Polygon(rim)] * 20))
    assert len(write_csv([scan])) > 2**17
    assert read_csv(write_csv([scan])).scans == (scan,)


def test_clicks_become_spots():
    sheet = read_clicks(
        b"name,click_y,click_x,finding\na.png,3,7,\na.png,9.5,2,SRF\nb.png,x,1,\nb.png,1,1,disc\n"
    )
    (scan,) = sheet.scans
    first, second = scan.standing.readings[""].marks
    assert (first.finding, first.shape) == ("other", Spot(7, 3))
    assert (second.finding, second.shape) == ("subretinal fluid", Spot(2, 9.5))
    assert [line[:5] for line in sheet.faults] == ["row 4", "row 5"]
    with pytest.raises(BadInputError, match="click_y"):
        read_clicks(b"name,x,y\na,1,2\n")


@given(brushes())
def test_label_studio_s_run_lengths_come_back(brush):
    mask = from_counts(brush.counts, WIDTH, HEIGHT)
    packed = pack(mask)
    assert all(0 <= byte < 256 for byte in packed)
    np.testing.assert_array_equal(unpack(packed, WIDTH, HEIGHT), mask)


def test_label_studio_s_run_lengths_are_read_bit_by_bit():
    """Two pixels, written out by hand: literals for the first, a run for the second."""
    head = f"{8:032b}{7:05b}" + f"{1:04b}" * 4
    literals = "0" + "00" + f"{3:02b}" + "".join(f"{v:08b}" for v in (9, 9, 9, 0))
    run = "1" + "01" + f"{3:02b}" + f"{255:08b}"
    bits = head + literals + run
    bits += "0" * (-len(bits) % 8)
    data = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert unpack(data, 2, 1).tolist() == [[0, 255]]
    with pytest.raises(BadInputError, match="cut short"):
        unpack(data[:-2], 2, 1)
    with pytest.raises(BadInputError, match="2 by 2"):
        unpack(data, 2, 2)


def label_studio(*results: dict, **annotation: object) -> bytes:
    size = {"original_width": 200, "original_height": 100}
    result = [{**size, "id": f"r{n}", **one} for n, one in enumerate(results)]
    task = {
        "id": 1,
        "data": {"image": "/data/upload/3/1a2b3c4d-CNV-1-1.png"},
        "annotations": [{"completed_by": 4, "lead_time": 2.5, "result": result, **annotation}],
    }
    return json.dumps([task]).encode()


def region(kind: str, label: str = "drusen", **value: object) -> dict:
    return {"type": kind, "value": {**value, kind: [label]}}


def test_a_foreign_label_studio_file_is_read_in_percent_of_the_scan():
    sheet = read_label_studio(
        label_studio(
            region("rectanglelabels", x=10, y=10, width=50, height=20, rotation=0),
            region("rectanglelabels", x=50, y=50, width=10, height=10, rotation=90),
            region("ellipselabels", x=50, y=50, radiusX=10, radiusY=10, rotation=30),
            region("polygonlabels", "SRF", points=[[0, 0], [50, 0], [50, 50]]),
            region("keypointlabels", x=50, y=25, width=0.5),
            {"type": "choices", "value": {"choices": ["CNV"]}},
            {"type": "choices", "value": {"choices": ["foveal pit"]}},
        )
    )
    assert sheet.faults == ()
    (scan,) = sheet.scans
    assert (scan.name, scan.width, scan.height) == ("1a2b3c4d-CNV-1-1.png", 200, 100)
    reading = scan.standing.readings["labelstudio-4"]
    assert (reading.diagnosis, reading.response_ms) == (Diagnosis.CNV, 2500)
    assert reading.findings == ("foveal pit", "drusen", "subretinal fluid")
    box, turned, ellipse, polygon, spot = (mark.shape for mark in reading.marks)
    assert box == Box(20, 10, 100, 20)
    expected = [(100, 50), (100, 70), (90, 70), (90, 50)]
    np.testing.assert_allclose(turned.points, expected)
    assert ellipse == Ellipse(100, 50, 20, 10, 30)
    assert polygon == Polygon(((0, 0), (100, 0), (100, 50)))
    assert spot == Spot(100, 25)


def test_each_fault_of_a_label_studio_file_has_a_line_and_the_rest_comes_in():
    sheet = read_label_studio(
        label_studio(
            region("keypointlabels", x=50, y=25, width=0.5),
            region("keypointlabels", "glaucoma", x=50, y=25),
            region("rectanglelabels", x=50, y=25),
            region("timeserieslabels", start=1),
            {"type": "choices", "value": {"choices": ["MAYBE"]}},
            region("brushlabels", format="rle", rle=[1, 2, 300]),
            {**region("keypointlabels", x=1, y=1), "original_width": 7},
        )
    )
    (scan,) = sheet.scans
    assert [mark.shape for mark in scan.standing.readings["labelstudio-4"].marks] == [Spot(100, 25)]
    assert len(sheet.faults) == 6
    two = [{"type": "choices", "value": {"choices": [name]}} for name in ("CNV", "DME")]
    assert "one diagnosis" in read_label_studio(label_studio(*two)).faults[0]


def test_skipped_tasks_say_nothing_and_ground_truth_is_settled():
    point = region("keypointlabels", x=50, y=25, width=0.5)
    (scan,) = read_label_studio(label_studio(point, was_cancelled=True)).scans
    assert scan.standing == ScanStanding({}, None)
    (scan,) = read_label_studio(label_studio(point, ground_truth=True)).scans
    assert scan.standing.settled.marks[0].shape == Spot(100, 25)


def test_the_labelling_setup_has_every_label():
    from xml.etree import ElementTree

    root = ElementTree.fromstring(SETUP)
    assert {tag.tag for tag in root} == {
        "Image", "RectangleLabels", "PolygonLabels", "KeyPointLabels", "EllipseLabels",
        "BrushLabels", "Choices",
    }  # fmt: skip
    assert [label.get("value") for label in root.find("BrushLabels")] == list(FINDINGS)


def test_what_is_settled_holds_else_what_enough_readers_agree_on():
    cnv, dme = Reading(True, Diagnosis.CNV), Reading(True, Diagnosis.DME)
    assert hold(ScanStanding({"ada": cnv, "bo": dme}, cnv)) == (cnv,)
    assert hold(ScanStanding({"ada": cnv, "bo": dme}, None)) == ()
    assert hold(ScanStanding({"ada": cnv, "bo": cnv}, None), 2) == (cnv, cnv)
    assert hold(ScanStanding({"ada": cnv}, None), 2) == ()
    assert hold(ScanStanding({}, None)) == ()


def test_a_lesion_is_where_half_of_the_readers_see_it_and_no_foveal_pit():
    pit = Mark("p", "foveal pit", Box(0, 0, 40, 5))
    one = Reading(True, Diagnosis.CNV, (), (Mark("1", "drusen", Box(10, 10, 10, 10)), pit))
    two = Reading(True, Diagnosis.CNV, (), (Mark("1", "drusen", Box(15, 10, 10, 10)),))
    three = Reading(True, Diagnosis.CNV)
    mask = lesion_mask((one, two, three), WIDTH, HEIGHT)
    assert dice(mask, to_mask(Box(15, 10, 5, 10), WIDTH, HEIGHT)) == 1
    assert common_findings((one, two, three)) == ("drusen",)
    assert lesion_mask((three,), WIDTH, HEIGHT) is None


@pytest.fixture
def ward(store, images, clock, scans: Path):
    """A deck of eight scans, 160 by 160, and a project for it."""
    import_scans(store, images, scans, clock, "ward")
    return project_for(store, "first", "ward", clock)


def case_named(store, name: str):
    return next(case for case in store.cases_of("ward") if case.name.endswith(name))


def on(case, *, settled: Reading | None = None, **by_reader: Reading) -> AnnotatedScan:
    stand = ScanStanding(by_reader, settled)
    return AnnotatedScan("ward", case.sha256, case.name, case.patient, 160, 160, stand)


def test_an_import_is_written_to_the_log_as_imported_and_only_once(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    ada, truth = reading_of(Box(5, 5, 20, 20)), reading_of(diagnosis=Diagnosis.DME)
    sheet = Sheet((on(case, settled=truth, ada=ada),))
    report = import_sheet(store, images, ward, sheet, "eve", clock)
    assert (report.added, report.replaced, report.already, report.faults) == (2, 0, 0, ())
    read, settle = store.entries_of("first", case.sha256)
    assert (read.who, read.kind, read.source, read.after) == (
        "ada", Kind.READ, ReadingSource.IMPORTED, ada,
    )  # fmt: skip
    assert (settle.who, settle.kind, settle.after) == ("eve", Kind.SETTLE, truth)
    assert settle.at == clock()
    again = import_sheet(store, images, ward, sheet, "eve", clock)
    assert (again.added, again.replaced, again.already) == (0, 0, 2)
    assert len(store.entries_in("first")) == 2


def test_an_import_does_not_undo_what_was_read_since(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    old, new = reading_of(Box(5, 5, 20, 20)), reading_of(Box(9, 9, 20, 20))
    sheet = Sheet((on(case, ada=old),))
    import_sheet(store, images, ward, sheet, "eve", clock)
    store.append_entry(
        LogEntry("e", clock(), "ada", "ward", case.sha256, "first", Kind.READ, old, new)
    )
    report = import_sheet(store, images, ward, sheet, "eve", clock)
    assert (report.added, report.already) == (0, 1)
    assert standing(store.entries_of("first", case.sha256)).readings == {"ada": new}
    other = Sheet((on(case, ada=reading_of(Box(1, 1, 20, 20))),))
    assert import_sheet(store, images, ward, other, "ada", clock).replaced == 1


def read_here(store, clock, case, who: str, reading: Reading) -> None:
    entry = LogEntry("e", clock(), who, "ward", case.sha256, "first", Kind.READ, None, reading)
    store.append_entry(entry)


def test_an_import_leaves_what_somebody_else_has_read_and_says_so(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    store.add_project(ward)
    read_here(store, clock, case, "ada", reading_of())
    sheet = Sheet((on(case, ada=reading_of(diagnosis=Diagnosis.NORMAL)),))
    report = import_sheet(store, images, ward, sheet, "eve", clock)
    assert (report.added, report.replaced) == (0, 0)
    assert report.faults == (f"'{case.name}': 'ada' has read this scan here; that stays.",)
    with pytest.raises(BadInputError, match="that stays"):
        import_sheet(store, images, ward, sheet, "eve", clock, strict=True)
    assert standing(store.entries_in("first")).readings == {"ada": reading_of()}
    assert import_sheet(store, images, ward, sheet, "ada", clock).replaced == 1


def test_an_import_replaces_what_was_imported_but_not_what_its_reader_brought_in(
    store, images, clock, ward
):
    case = case_named(store, "CNV-1000-1.png")
    first, second, third = (reading_of(Box(n, n, 20, 20)) for n in (5, 6, 7))
    import_sheet(store, images, ward, Sheet((on(case, ada=first),)), "eve", clock)
    report = import_sheet(store, images, ward, Sheet((on(case, ada=second),)), "ada", clock)
    assert report.replaced == 1
    assert [entry.by for entry in store.entries_in("first")] == ["eve", "ada"]
    report = import_sheet(store, images, ward, Sheet((on(case, ada=third),)), "eve", clock)
    assert "that stays" in report.faults[0]


def test_clicks_under_one_s_own_name_are_added_to_the_answer_that_is_there(
    store, images, clock, ward
):
    case = case_named(store, "CNV-1000-1.png")
    mine = replace(reading_of(Box(5, 5, 20, 20)), note="see below", confidence=4)
    store.add_project(ward)
    read_here(store, clock, case, "ada", mine)
    clicks = read_clicks(
        f"name,click_y,click_x,finding\n{case.name},9,8,SRF\n{case.name},9,8,SRF\n".encode()
    )
    assert import_sheet(store, images, ward, clicks, "ada", clock).replaced == 1
    now = standing(store.entries_in("first")).readings["ada"]
    assert now == replace(mine, findings=("drusen", "subretinal fluid"), marks=now.marks)
    assert [mark.shape for mark in now.marks] == [Box(5, 5, 20, 20), Spot(8, 9), Spot(8, 9)]
    assert import_sheet(store, images, ward, clicks, "ada", clock).already == 1
    many = [Mark(f"m{n}", "drusen", Spot(n % 150, n // 150)) for n in range(199)]
    full = Sheet((on(case, ada=Reading(True, None, (), tuple(many))),))
    assert "200 regions" in import_sheet(store, images, ward, full, "ada", clock).faults[0]


def test_an_open_scan_that_an_import_answers_is_done_and_not_given_again(
    store, images, clock, ward
):
    cases = store.cases_of("ward")
    store.add_project(ward)
    line = [(case.sha256, False) for case in cases]
    store.assign("first", "ada", line, clock())
    sheet = Sheet(tuple(on(case, ada=reading_of()) for case in cases[:3]))
    import_sheet(store, images, ward, sheet, "ada", clock)
    (given,) = store.assignments_in("first")
    assert given.done_at is not None
    assert not given.skipped
    room = Workload(ward, cases, frozenset(), (given,), store.stages_in("first"))
    assert room.free("ada") == list(cases[3:])
    assert room.free("bo") == list(cases[1:])


def test_imported_captions_and_ids_are_such_as_the_page_takes(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    long = "x" * 64
    drawn = [("a", "two\nlines"), ("a", ""), ("", "\0"), (long, ""), (long, ""), ("b\t", "")]
    marks = tuple(Mark(own, "drusen", Spot(3, 3), caption) for own, caption in drawn)
    reading = Reading(True, None, (), marks)
    report = import_sheet(store, images, ward, Sheet((on(case, ada=reading),)), "ada", clock)
    assert report.faults == ()
    kept = standing(store.entries_in("first")).readings["ada"].marks
    sent = {"marks": [mark_to_dict(mark) for mark in kept]}
    assert read_marks(sent, 160, 160) == kept
    assert [mark.caption for mark in kept[:3]] == ["two lines", "", " "]


def test_controls_that_were_read_otherwise_are_not_in_the_folder(store, images, clock, ward):
    wrong, right, drafted = store.cases_of("ward")[:3]
    controlled = replace(ward, controls=1.0)
    known = known_controls(store, controlled)
    assert known == {case.sha256: case.label for case in store.cases_of("ward")}
    assert known_controls(store, ward) == {}
    other = Diagnosis.NORMAL if wrong.label != Diagnosis.NORMAL else Diagnosis.CNV
    draft = Reading(True, None, (), (Mark("m", "drusen", Spot(3, 3)),))
    scans = (
        on(wrong, ada=reading_of(diagnosis=other)),
        on(right, ada=reading_of(diagnosis=right.label)),
        on(drafted, ada=reading_of(diagnosis=drafted.label), bo=draft),
    )
    sheet = without_misread(Sheet(scans), known)
    assert sheet.scans == scans[1:]
    assert "1 control was read otherwise" in sheet.faults[0]
    names = [name for name, _ in write_folder(sheet.scans, lambda _: b"x")]
    assert len(names) == 3  # somebody's draft keeps no scan out
    settled = Sheet((on(wrong, settled=reading_of(diagnosis=other)),))
    assert without_misread(settled, known) == settled


def test_masks_of_a_jpeg_are_named_png_and_come_back(store, images, ward):
    case = case_named(store, "CNV-1000-1.png")
    scan = replace(on(case, settled=reading_of(Box(5, 5, 20, 20))), name="CNV-1000-1.jpeg")
    data = images.place(case.sha256).read_bytes()
    files = dict(write_folder([scan], lambda _: data))
    assert list(files) == ["CNV/CNV-1000-1.jpeg", "masks/CNV-1000-1.png", "cases.csv"]
    (row,) = csv.DictReader(io.StringIO(files["cases.csv"].decode()))
    assert row["mask"] == "masks/CNV-1000-1.png"
    (back,) = read_folder(members_of(files.items())).scans
    assert [mark.finding for mark in back.standing.settled.marks] == ["drusen"]


def test_a_project_comes_out_as_it_went_in(store, images, clock, ward):
    case = case_named(store, "DME-2001-1.png")
    scan = on(case, ada=reading_of(Ellipse(60, 60, 20, 10, 15)), settled=reading_of())
    import_sheet(store, images, ward, Sheet((scan,)), "eve", clock)
    assert gather(store, images, ward) == Sheet((scan,))


def test_a_scan_that_is_gone_meanwhile_is_a_fault_and_the_rest_comes_out(
    store, images, clock, ward
):
    kept, gone = store.cases_of("ward")[:2]
    sheet = Sheet((on(kept, ada=reading_of()), on(gone, ada=reading_of())))
    import_sheet(store, images, ward, sheet, "eve", clock)
    images.place(gone.sha256).unlink()
    found = gather(store, images, ward)
    assert [scan.sha256 for scan in found.scans] == [kept.sha256]
    assert gone.sha256[:12] in found.faults[0]
    checked = match(store, images, "ward", sheet)
    assert [scan.sha256 for scan in checked.scans] == [kept.sha256]
    assert len(checked.faults) == 1


@pytest.mark.parametrize(
    "name", ["CNV/CNV-1000-1.png", "CNV-1000-1.png", "x/CNV-1000-1.png", "1a2b3c4d-CNV-1000-1.png"]
)
def test_a_scan_is_found_by_its_name_where_its_hash_is_not_given(store, images, ward, name: str):
    sheet = Sheet((AnnotatedScan(name=name, standing=ScanStanding({"": reading_of()}, None)),))
    (scan,) = match(store, images, "ward", sheet, "eve").scans
    assert scan.facts == on(case_named(store, "CNV-1000-1.png")).facts
    assert scan.standing.readings == {"eve": reading_of()}


def cross() -> Polygon:
    return Polygon(((10, 10), (50, 50), (50, 10), (10, 60)))


BAD = {
    "outside": Box(150, 150, 40, 40),
    "crossing": cross(),
    "ten thousand points": Polygon(tuple((n % 100, n % 97) for n in range(10_000))),
    "no area": Box(5, 5, 0, 9),
    "flat": Polygon(((1, 1), (2, 2), (3, 3))),
    "not a number": Spot(float("nan"), 3),
    "endless": Ellipse(50, 50, float("inf"), 3),
    "turned without end": Ellipse(50, 50, 5, 3, float("inf")),
    "another scan's pixels": Brush((0, 4), 2, 2),
    "nothing painted": Brush((160 * 160,), 160, 160),
}


def test_every_bad_region_has_a_line_and_the_rest_of_the_reading_comes_in(
    store, images, clock, ward
):
    case = case_named(store, "CNV-1000-1.png")
    good = Mark("good", "drusen", Box(5, 5, 20, 20), "<script>alert(1)</script>")
    bad = [Mark(name, "drusen", shape) for name, shape in BAD.items()]
    bad.append(Mark("long", "drusen", Spot(3, 3), "x" * 201))
    bad.append(Mark("half", "drusen", Spot(3, 3), "\ud800"))
    bad.append(Mark("unknown", "glaucoma", Spot(3, 3)))
    reading = Reading(True, Diagnosis.CNV, ("drusen", "glaucoma"), (*bad, good))
    report = import_sheet(store, images, ward, Sheet((on(case, ada=reading),)), "eve", clock)
    assert len(report.faults) == len(bad) + 1
    for mark in bad:
        assert any(f"region {mark.id!r}" in line for line in report.faults), mark.id
    stands = standing(store.entries_of("first", case.sha256)).readings["ada"]
    assert stands == Reading(True, Diagnosis.CNV, ("drusen",), (good,))  # markup stays plain text


def test_a_scan_that_nothing_is_said_of_is_no_fault(store, images, ward):
    sheet = Sheet((AnnotatedScan(name="nobody.png"),))
    assert match(store, images, "ward", sheet) == Sheet(())


def test_unknown_scans_and_other_sizes_have_a_line(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    stand = ScanStanding({"ada": reading_of()}, None)
    faulty = {
        "none with the SHA-256": AnnotatedScan(sha256="f" * 64, standing=stand),
        "none of this name": AnnotatedScan(name="nobody.png", standing=stand),
        "160 by 160": AnnotatedScan(sha256=case.sha256, width=44, height=36, standing=stand),
        "annotator's name": on(case, **{"x" * 65: reading_of()}),
        "a confidence": on(case, bo=replace(reading_of(), confidence=9)),
        "a diagnosis": on(case, cy=Reading(True, None)),
    }
    sheet = Sheet((*faulty.values(), on(case, ada=reading_of())), ("line 1: broken",))
    report = import_sheet(store, images, ward, sheet, "eve", clock)
    assert report.added == 1
    assert len(report.faults) == 7
    for words_ in ("line 1: broken", *faulty):
        assert any(words_ in line for line in report.faults), words_


def test_strict_writes_nothing_where_there_is_a_fault(store, images, clock, ward):
    case = case_named(store, "CNV-1000-1.png")
    sheet = Sheet((on(case, ada=reading_of(), bo=reading_of(cross())),))
    with pytest.raises(BadInputError, match=r"There are 1: .*itself"):
        import_sheet(store, images, ward, sheet, "eve", clock, strict=True)
    assert store.projects() == ()
    good = Sheet((on(case, ada=reading_of()),))
    assert import_sheet(store, images, ward, good, "eve", clock, strict=True).added == 1


def test_a_file_of_faults_only_makes_no_project(store, images, clock, ward):
    report = import_sheet(store, images, ward, Sheet((), ("line 1: broken",)), "eve", clock)
    assert report.scans == 0
    assert store.projects() == ()


PROJECT = Project(
    name="first",
    title="First",
    deck="ward",
    readers=1,
    controls=0.0,
    order=AT_RANDOM,
    random_share=0.0,
    suggest=False,
    seed=0,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class Interrupted(MemoryStore):
    """Records whose process is stopped before the third entry."""

    left = 2

    def append_entry(self, entry: LogEntry) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().append_entry(entry)


def test_an_interrupted_import_goes_on_where_it_stopped(clock):
    store = Interrupted()
    scans = [scan_of(ada=reading_of(), bo=reading_of(), cy=reading_of(), settled=reading_of())]
    with pytest.raises(KeyboardInterrupt):
        import_entries(store, PROJECT, scans, "eve", clock)
    assert len(store.entries_in("first")) == 2
    store.left = 9
    report = import_entries(store, PROJECT, scans, "eve", clock)
    assert (report.added, report.already) == (2, 2)
    assert standing(store.entries_in("first")) == scans[0].standing


class Overtaken(MemoryStore):
    """Records in which somebody else is always a moment faster."""

    def append_entry(self, entry: LogEntry) -> None:
        other = Reading(True, Diagnosis.NORMAL)
        super().append_entry(replace(entry, id=f"{entry.id}-other", after=other))
        super().append_entry(entry)


def test_a_reading_that_changes_during_the_import_is_left_alone_and_named(clock):
    store = Overtaken()
    report = import_entries(store, PROJECT, [scan_of(ada=reading_of())], "eve", clock)
    assert report.added == 0
    assert "changed meanwhile" in report.faults[0]
    (entry,) = store.entries_in("first")
    assert entry.after == Reading(True, Diagnosis.NORMAL)


def test_projects_are_made_for_a_deck_and_kept_to_it(store, images, clock, ward):
    store.add_project(ward)
    assert project_for(store, "first", None, clock) == ward
    with pytest.raises(BadInputError, match="project's deck"):
        project_for(store, "first", "other", clock)
    with pytest.raises(BadInputError, match="no project 'second'"):
        project_for(store, "second", None, clock)
    with pytest.raises(BadInputError, match="no deck 'other'"):
        project_for(store, "second", "other", clock)
    with pytest.raises(BadInputError, match="a-z, 0-9"):
        project_for(store, "A b", "ward", clock)


def exported_folder(store, images, scans, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    write_many(out, write_folder(scans, lambda sha256: images.place(sha256).read_bytes(), 2))
    return out


def test_a_folder_holds_the_scans_own_bytes_under_what_was_settled(
    store, images, clock, ward, tmp_path: Path
):
    cnv, dme = case_named(store, "CNV-1000-1.png"), case_named(store, "DME-2000-1.png")
    settled = reading_of(Box(20, 20, 40, 30), diagnosis=Diagnosis.DRUSEN)
    both = {"ada": reading_of(diagnosis=Diagnosis.DME), "bo": reading_of(diagnosis=Diagnosis.DME)}
    open_ = case_named(store, "NORMAL-4000-1.png")
    scans = [on(cnv, settled=settled), on(dme, **both), on(open_, ada=reading_of())]
    out = exported_folder(store, images, scans, tmp_path)
    with open_source(out) as members:
        found = scans_of(members, out)
        assert [member.name for member in found] == [
            "DME/DME-2000-1.png", "DRUSEN/DRUSEN-1000-1.png",
        ]  # fmt: skip
        assert hashlib.sha256(found[1].read()).hexdigest() == cnv.sha256
        assert found[1].place.label == Diagnosis.DRUSEN
        assert not found[1].place.conflict
    done = import_scans(store, images, out, clock, "taught")
    assert (done.added, done.unreadable) == (2, ())
    (case,) = [case for case in store.cases_of("taught") if case.sha256 == cnv.sha256]
    assert (case.label, case.findings) == (Diagnosis.DRUSEN, ("drusen",))
    mask = images.read(case.mask_sha256)
    np.testing.assert_array_equal(mask, to_mask(Box(20, 20, 40, 30), 160, 160))


def test_a_folder_comes_back_as_settled(store, images, clock, ward, tmp_path: Path):
    cnv = case_named(store, "CNV-1000-1.png")
    settled = reading_of(Box(20, 20, 40, 30), diagnosis=Diagnosis.DRUSEN)
    out = exported_folder(store, images, [on(cnv, settled=settled)], tmp_path)
    with open_source(out) as members:
        (scan,) = read_folder(members).scans
    assert (scan.sha256, scan.standing.settled.diagnosis) == (cnv.sha256, Diagnosis.DRUSEN)
    (mark,) = scan.standing.settled.marks
    assert mark.finding == "drusen"
    np.testing.assert_array_equal(
        to_mask(mark.shape, 160, 160), to_mask(Box(20, 20, 40, 30), 160, 160)
    )


def test_scans_of_one_patient_are_numbered_and_odd_patients_get_a_number_of_their_own():
    same = [replace(scan_of(settled=reading_of()), sha256=c * 64) for c in "ab"]
    odd = [replace(scan, patient="Müller, A") for scan in same]
    names = [name for name, _ in write_folder(same + odd, lambda _: b"x")]
    assert names[:2] == ["CNV/CNV-1-1.png", "CNV/CNV-1-2.png"]
    assert len({name.split("-")[1] for name in names[2:4]}) == 1
    assert "ller" not in names[2]
    assert names[-1] == "cases.csv"


def test_masks_that_are_missing_or_broken_have_a_line(tmp_path: Path):
    files = dict(write_masks([scan_of(ada=reading_of(Box(2, 3, 10, 4)), bo=reading_of())]))
    (png,) = [name for name in files if name.endswith(".png")]
    broken = read_masks(members_of({**files, png: b"rubbish"}.items()))
    missing = read_masks(members_of((n, d) for n, d in files.items() if n != png))
    for sheet, words_ in ((broken, "whole image"), (missing, "not there")):
        assert words_ in sheet.faults[0]
        assert sheet.scans[0].standing.readings["ada"] == Reading(True, Diagnosis.CNV, ("drusen",))
    with pytest.raises(BadInputError, match=r"one masks\.csv"):
        read_masks(members_of([(png, b"")]))


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_many_files_are_written_whole_or_not_at_all(tmp_path: Path, name: str):
    def broken():
        yield "a/b.txt", b"x"
        raise BadInputError("Expected more.")

    with pytest.raises(BadInputError, match="more"):
        write_many(tmp_path / name, broken())
    assert list(tmp_path.iterdir()) == []
    assert write_many(tmp_path / name, [("masks/b.txt", b"x"), ("c.txt", b"y")]) == 2
    with open_source(tmp_path / name) as members:
        assert {member.name: member.read() for member in members} == {
            "masks/b.txt": b"x", "c.txt": b"y",
        }  # fmt: skip
    if name == "out":
        with pytest.raises(BadInputError, match="empty folder"):
            write_many(tmp_path / name, [])


def test_a_file_s_format_is_told_from_what_it_is(tmp_path: Path):
    scans = (scan_of(ada=reading_of(Box(2, 3, 10, 4)), settled=reading_of()),)
    for name, data in {
        "a.jsonl": write_jsonl(scans),
        "a.csv": write_csv(scans),
        "coco.json": write_coco(scans),
        "ls.json": write_label_studio(scans),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert read_file(tmp_path / name).scans == scans, name
    (tmp_path / "clicks.csv").write_bytes(b"name,click_y,click_x\na.png,1,2\n")
    assert len(read_file(tmp_path / "clicks.csv").scans) == 1
    write_many(tmp_path / "m.zip", write_masks(scans))
    assert read_file(tmp_path / "m.zip").scans[0].sha256 == SHA
    (tmp_path / "a.txt").write_bytes(write_jsonl(scans))
    assert read_file(tmp_path / "a.txt", "jsonl").scans == scans
    with pytest.raises(BadInputError, match="--format"):
        read_file(tmp_path / "a.txt")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_file(tmp_path / "none.json")
