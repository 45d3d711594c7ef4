"""`octtutor models export`, as the shell runs it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from octtutor.cli.network.export_commands import print_export
from octtutor.model.network.backend import import_keras_quietly
from tests.cli.said import fault
from tests.conftest import missing


def test_an_export_is_written_once_checked_and_told_as_json(octtutor, scans: Path, tmp_path: Path):
    if find_spec("ai_edge_litert") is None:
        missing("export", "Install it: pip install 'octtutor[export]'")
    (scans / "CNV" / "CNV-9-1.png").write_text("no picture")
    place = tmp_path / "exports" / "v1.tflite"
    words = ("models", "export", "default", "--format", "litert", "--quantise", "float16")
    words = (*words, "--test", scans, "--out", place)
    said = octtutor(*words, "--json")
    assert said.json["out"] == str(place)
    assert said.json["size"] == place.stat().st_size < 0.6 * said.json["keras_size"]
    assert said.json["check"]["scans"] == said.json["check"]["same_label"] == 8
    assert said.json["checked_on"] == str(scans)
    assert "cannot be read: CNV/CNV-9-1.png" in said.err
    assert "there already" in fault(octtutor(*words))
    assert list(place.parent.iterdir()) == [place]


def test_what_came_of_an_export_is_told_in_four_lines(capsys: pytest.CaptureFixture[str]):
    import_keras_quietly()
    from octtutor.model.exporting.checking import Check
    from octtutor.model.exporting.export import Exported

    check = Check(
        scans=60,
        unreadable=(),
        same_label=59,
        largest_difference=0.171,
        map_difference=None,
        labelled=60,
        accuracy=0.95,
        keras_accuracy=0.933,
        milliseconds=11.5,
        keras_milliseconds=88.7,
    )
    place = Path("lite0-int8.tflite")
    print_export(
        Exported("lite0", "litert", "int8", place, 3_996_537, 13_698_200, "some scans", check)
    )
    assert capsys.readouterr().out.splitlines() == [
        "Written: lite0-int8.tflite (litert, int8)",
        "checked on 60 scans of some scans: 59 get the same label, probabilities differ by at "
        "most 0.17; accuracy 0.950, Keras 0.933",
        "size: 4.0 MB, Keras 13.7 MB",
        "one answer: 11.5 ms, Keras 88.7 ms (median, here, one scan at a time)",
    ]


def test_what_cannot_be_exported_is_said_in_one_line(octtutor, tmp_path: Path):
    assert octtutor("models", "export", "default", "--format", "coreml").code == 2
    assert octtutor("models", "export", "default").code == 2
    export = ("models", "export", "default", "--format", "savedmodel", "--out", tmp_path / "x")
    assert "goes with litert" in fault(octtutor(*export, "--quantise", "int8"))
    assert "is not there" in fault(octtutor(*export, "--test", tmp_path / "nowhere"))
    assert "v9" in fault(octtutor("models", "export", "v9", *export[3:]))
    assert list(tmp_path.glob("*x*")) == []
