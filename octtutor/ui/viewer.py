"""What the desk and Read a scan share: the scan's tools, and the script that zooms and lights."""

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
_TOOLS = "<!-- tools -->"


def viewer_html(name: str) -> str:
    """Return an HTML template of the assets, with the scan's tools where it marks their place."""
    return _read(name).replace(_TOOLS, _read("tools.html").rstrip("\n"))


def viewer_script(name: str) -> str:
    """Return a script of the assets after the one that it builds on."""
    return _read("viewer.js") + _read(name)


def _read(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")
