"""What the desk and Read a scan share of their layout: the scan's tools."""

from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"
_TOOLS = "<!-- tools -->"


def viewer_html(path: Path) -> str:
    """Return an HTML template, with the scan's tools where it marks their place."""
    tools = (_ASSETS / "tools.html").read_text("utf-8").rstrip("\n")
    return path.read_text("utf-8").replace(_TOOLS, tools)
