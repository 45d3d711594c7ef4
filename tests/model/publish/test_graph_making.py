"""How far a graph may be off from Keras."""

import pytest

from octtutor.model.publish.graph_making import GraphCheck


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (GraphCheck(20, 20, 1e-4, 1e-3), None),
        (GraphCheck(20, 19, 1e-4, 1e-3), "1 of 20 scans got another label"),
        (GraphCheck(20, 20, 2e-3, 1e-3), "a probability was off by 0.002"),
        (GraphCheck(20, 20, 1e-4, 0.02), "a map was off by 0.02"),
        (GraphCheck(20, 20, float("nan"), 1e-3), "a probability was off by nan"),
    ],
)
def test_what_is_too_far_off_is_said(check: GraphCheck, fault: str | None):
    assert check.fault == fault
