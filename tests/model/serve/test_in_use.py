"""The file that says which model is in use: whole, or an empty one and why."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octtutor.errors import SettingsError
from octtutor.model.serve.in_use import NAME, POINTER, Pointer, alone, read_pointer, write_pointer

names = st.lists(st.from_regex(NAME, fullmatch=True), max_size=6).map(tuple)


def test_a_folder_without_one_has_nothing_chosen(tmp_path: Path):
    assert read_pointer(tmp_path) == (Pointer(), None)
    assert read_pointer(tmp_path / "nothing") == (Pointer(), None)
    assert Pointer().name is None


@pytest.mark.parametrize("history", [(), ("v1",), ("v1", "v2", "v1")])
def test_what_is_written_is_read(tmp_path: Path, history):
    write_pointer(tmp_path, Pointer(history))
    assert read_pointer(tmp_path) == (Pointer(history), None)
    assert [path.name for path in tmp_path.iterdir()] == [POINTER]


@given(names, st.from_regex(NAME, fullmatch=True))
def test_moving_and_moving_back_is_where_one_was(history, name):
    before = Pointer(history)
    after = before.moved_to(name)
    assert after.name == name
    assert (after == before) if before.name == name else (after.moved_back() == before)


def test_the_history_does_not_grow_for_ever():
    pointer = Pointer()
    for n in range(300):
        pointer = pointer.moved_to(f"v{n}")
    assert len(pointer.names) == 100
    assert pointer.name == "v299"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"form": 1}',
        b'{"form": 2, "in_use": "a", "history": ["a"]}',
        b'{"form": 1, "in_use": "a", "history": ["b"]}',
        b'{"form": 1, "in_use": "../a", "history": ["../a"]}',
        b'{"form": 1, "in_use": 5, "history": [5]}',
        b'{"form": 1, "in_use": "a\\n", "history": ["a\\n"]}',
    ],
)
def test_a_damaged_one_is_empty_and_says_why(tmp_path: Path, content: bytes):
    (tmp_path / POINTER).write_bytes(content)
    pointer, fault = read_pointer(tmp_path)
    assert pointer == Pointer()
    assert fault is not None
    assert "is damaged" in fault
    assert "\n" not in fault


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="Cannot write"):
        write_pointer(tmp_path / "file", Pointer(("a",)))
    with pytest.raises(SettingsError, match="can be written"), alone(tmp_path / "file", "in_use"):
        pass
