"""JSON lines: a scan a line with everything that is known of it. Nothing is lost."""

import json
from collections.abc import Iterable

from octtutor.tutor.annotation.files.annotated_scan import (
    UNUSABLE,
    AnnotatedScan,
    Sheet,
    scan_from_dict,
    scan_to_dict,
    why,
)


def write_jsonl(scans: Iterable[AnnotatedScan]) -> bytes:
    """Write annotated scans, one a line, UTF-8."""
    lines = (json.dumps(scan_to_dict(scan), ensure_ascii=False) for scan in scans)
    return "".join(f"{line}\n" for line in lines).encode()


def read_jsonl(data: bytes) -> Sheet:
    """Read what `write_jsonl` wrote; a line that cannot be read is a fault."""
    scans, faults = [], []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            scans.append(scan_from_dict(json.loads(line)))
        except UNUSABLE as error:
            faults.append(f"line {number}: {why(error)}")
    return Sheet(tuple(scans), tuple(faults))
