"""Cells that no spreadsheet runs, and that come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from octtutor.spreadsheet import escape_formula, unescape_formula


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", "''"])
def test_what_a_spreadsheet_would_run_or_lose_is_kept_off(cell: str):
    assert escape_formula(cell) == f"'{cell}"


@given(some.text())
def test_each_cell_comes_back(cell: str):
    assert unescape_formula(escape_formula(cell)) == cell
