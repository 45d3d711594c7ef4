"""Bytes on the wire of one answer, by the desk's routes, against a real server on this machine.

    python benchmarks/reveal_bytes.py [--cases 8] [--json]

Starts `octtutor serve` with a home of its own and practises on the embedded deck as a browser
does: the scan once, the answer, the map that is looked at first. What a browser fetches only when
it is opened (the other maps, the pair to compare) is told apart. Bodies are counted as they come,
headers as HTTP/1.1 writes them.
"""

import argparse
import json
import statistics
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.session import serving
from octtutor.tutor.decks.deck_import import EMBEDDED
from octtutor.ui.routes.desk_routes import TRAINEE

PARTS = {
    "scan": "the scan, once",
    "told": "the reveal's words",
    "map": "the map that is shown first",
    "more_maps": "the other maps, when looked at",
    "pair": "two scans to compare, when opened",
}
REVEAL = ("told", "map")
"""What every reveal costs besides the scan."""


@dataclass
class Wire:
    """A connection that counts what comes."""

    client: httpx.Client
    bytes: dict[str, list[int]] = field(default_factory=dict)

    def get(self, part: str, pictures: list[dict[str, Any] | None]) -> None:
        """Fetch pictures as one part."""
        answers = [self.client.get(f"/desk/picture/{one['token']}") for one in pictures if one]
        self.count(part, *answers)

    def post(self, what: str, **sent: Any) -> httpx.Response:
        """Send a request, and insist on an answer."""
        return self.client.post(f"/desk/{what}", json=sent).raise_for_status()

    def count(self, part: str, *answers: httpx.Response) -> None:
        """Note what some answers cost together."""
        if answers:
            self.bytes.setdefault(part, []).append(sum(map(_size, answers)))


def _size(answer: httpx.Response) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return len(answer.content) + headers


def play(wire: Wire, cases: int) -> None:
    """Answer so many cases, all as CNV."""
    start = {"kind": "practice", "deck": EMBEDDED, "size": cases, "order": "balanced"}
    screen = wire.post("start", **start).json()
    while screen["phase"] == "ask":
        place = {key: screen["state"][key] for key in ("attempt", "position")}
        wire.get("scan", [screen["scan"]])
        answer = wire.post("commit", **place, choice="CNV", confidence=3, ms=1000)
        while answer.json()["phase"] == "wait":
            answer = wire.client.get("/desk/state").raise_for_status()
        wire.count("told", answer)
        _look(wire, answer.json())
        screen = wire.post("next", **place).json()


def _look(wire: Wire, told: dict[str, Any]) -> None:
    model = told["model"]
    if model and model["maps"]:
        shown = [one["picture"] for one in model["maps"] if one["label"] == model["label"]]
        wire.get("map", shown)
        rest = [one["picture"] for one in model["maps"] if one["label"] != model["label"]]
        wire.get("more_maps", rest)
    wire.get("pair", [one["picture"] for one in told["contrast"]])


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=8, help="how many, default 8")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with serving(home, Path(folder) / "serve.log") as address:
            headers = {TRAINEE: str(uuid.uuid4())}
            with httpx.Client(
                base_url=address, trust_env=False, timeout=300, headers=headers
            ) as client:
                wire = Wire(client)
                play(wire, arguments.cases)
    medians = {part: statistics.median(wire.bytes[part]) for part in PARTS if part in wire.bytes}
    figures = {"cases": arguments.cases, "median_bytes": medians, "reveal_bytes": _reveal(medians)}
    print(json.dumps(figures, indent=2)) if arguments.json else show(figures)


def _reveal(medians: dict[str, float]) -> float:
    return sum(medians.get(part, 0) for part in REVEAL)


def show(figures: dict[str, Any]) -> None:
    """Print the figures, a line each."""
    print(f"Bytes of one answer, median of {figures['cases']} cases of the embedded deck")
    for part, size in figures["median_bytes"].items():
        print(f"  {PARTS[part]:36} {size:10,.0f}")
    print(f"  {'a reveal besides the scan':36} {figures['reveal_bytes']:10,.0f}")


if __name__ == "__main__":
    main()
