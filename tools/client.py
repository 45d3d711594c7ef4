"""Run what npm runs for the page's client: its tests, its checks, its formatting.

    python tools/client.py test|check|format

Without Node this says so and succeeds, unless OCTTUTOR_REQUIRE names `node`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "package-lock.json"
INSTALLED = ROOT / "node_modules" / ".package-lock.json"


def main(what: str) -> int:
    """Install what package-lock.json names, where it is not there, and run a script of npm's."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        is_required = "node" in os.environ.get("OCTTUTOR_REQUIRE", "").split(",")
        print(f"client: {what} {'needs' if is_required else 'skipped: it needs'} Node 18 and npm.")
        return int(is_required)
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < LOCK.stat().st_mtime:
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    return subprocess.run([npm, "run", "--silent", what], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:] not in (["test"], ["check"], ["format"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
