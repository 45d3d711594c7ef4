"""What the desk and Read a scan share: the scan's tools, and the script that zooms and lights."""

from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"
_TOOLS = "<!-- tools -->"


def viewer_html(path: Path) -> str:
    """Return an HTML template, with the scan's tools where it marks their place."""
    tools = (_ASSETS / "tools.html").read_text("utf-8").rstrip("\n")
    return path.read_text("utf-8").replace(_TOOLS, tools)


def viewer_script(path: Path) -> str:
    """Return a script after the one that it builds on."""
    return (_ASSETS / "viewer.js").read_text("utf-8") + path.read_text("utf-8")
