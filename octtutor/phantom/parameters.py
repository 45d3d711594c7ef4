"""What was measured on real scans: `parameters.json`, written by `benchmarks/fit_phantom.py`.

Only numbers are kept: quantiles over scans and mean greys. No pixel of a real scan is in it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

FILE = Path(__file__).parent / "parameters.json"


@cache
def _parameters() -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return parameters


def numbers(group: str) -> dict[str, float]:
    """Return a group of named numbers."""
    return dict(_parameters()[group])


def draw(rng: Generator, name: str) -> float:
    """Draw a number as it is spread over real scans, between its stored quantiles.

    Args:
        rng: source of chance.
        name: a key of `quantiles`; its list runs evenly from the least to the greatest.
    """
    quantiles = _parameters()["quantiles"][name]
    return float(np.interp(rng.random() * (len(quantiles) - 1), range(len(quantiles)), quantiles))
