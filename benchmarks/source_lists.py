"""Write the listings that the shipped network is trained and studied on, from the folders of scans.

    python benchmarks/source_lists.py --shared ../shared --out FOLDER

`all.csv`: the scans of the four diagnoses, with their source, without the patients of Kermany's
hundred except the hundred itself; `others.csv`: OCTDL's scans that are none of the four.
"""

import argparse
import csv
import hashlib
from pathlib import Path

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.listing import read_listing

FOLDERS = {
    "oct2017": ("oct2017/train", "oct2017/test"),
    "oct2017-more": ("oct2017_more",),
    "octdl": ("octdl",),
}
HUNDRED = Path(__file__).parent.parent / "quizzes" / "kermanys-hundred.csv"


def main() -> None:
    """Write both listings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    hundred = read_listing(HUNDRED)
    patients = {row["patient"] for row in hundred}
    hashes = {row["sha256"] for row in hundred}
    rows = [row for name in FOLDERS for row in rows_of(given.shared, name)]
    four = [row for row in rows if row["label"] in list(map(str, LABELS))]
    kept = [row for row in four if row["patient"] not in patients or row["sha256"] in hashes]
    given.out.mkdir(parents=True, exist_ok=True)
    write(given.out / "all.csv", kept)
    write(given.out / "others.csv", [row for row in rows if row not in four])


def rows_of(shared: Path, source: str) -> list[dict[str, str]]:
    """Return a row for each scan of a source; patients of OCTDL are told from OCT2017's."""
    prefix = "octdl/" if source == "octdl" else ""
    paths = [path for name in FOLDERS[source] for path in sorted(shared.glob(f"{name}/*/*.jpeg"))]
    return [
        {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "label": path.parent.name,
            "patient": prefix + path.stem.split("-")[1],
            "name": f"{path.parent.name}/{path.name}",
            "file": str(path.resolve()),
            "source": source,
        }
        for path in paths
    ]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a listing and say how long it is."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path}: {len(rows)} scans")


if __name__ == "__main__":
    main()
