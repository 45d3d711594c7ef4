"""The texts of the outline canvas, and the colour and short name of each finding."""

from octtutor.core.annotation.annotation import FINDINGS

SHORT: dict[str, str] = {
    "intraretinal fluid": "IRF",
    "subretinal fluid": "SRF",
    "sub-RPE fluid / PED": "PED",
    "drusen": "drusen",
    "hyperreflective foci": "HRF",
    "epiretinal membrane": "ERM",
    "RPE disruption": "RPE",
    "foveal pit": "pit",
    "other": "other",
}
"""What stands beside a region on the scan: a colour never stands alone."""

COLOURS: dict[str, str] = dict(
    zip(
        FINDINGS,
        (
            "#77aadd",
            "#ee8866",
            "#ffaabb",
            "#eedd88",
            "#99ddff",
            "#44bb99",
            "#bbcc33",
            "#aaaa00",
            "#dddddd",
        ),
        strict=True,
    )
)
"""Paul Tol's `light` scheme, nine colours told apart with any colour vision (Introduction to
Colour Schemes, SRON/EPS/TN/09-002, 2021)."""

OUTLINE: dict[str, str] = {
    "board": "Scan to draw on",
    "tools": "Drawing tools",
    "select": "Select and move",
    "box": "Box",
    "polygon": "Polygon",
    "spot": "Point",
    "ellipse": "Ellipse",
    "brush": "Brush",
    "erase": "Erase painted pixels",
    "undo": "Undo (Ctrl+Z)",
    "redo": "Redo (Ctrl+Y)",
    "suggest": "Suggest",
    "asking": "Asking the model …",
    "suggested": "The model's strongest area. Move, correct or delete it.",
    "no_suggestion": "The model has no area to suggest.",
    "suggested_before": "The suggestion is the same as before.",
    "zoom_in": "Zoom in (+)",
    "zoom_out": "Zoom out (−)",
    "fit": "Whole scan (0)",
    "light": "Drag on the scan: brightness and contrast (right mouse button, or this)",
    "invert": "Black and white the other way round (⇧ I)",
    "size": "Brush",
    "keys": "Keys",
    "hide_keys": "Close",
    "finding": "Finding",
    "regions": "Regions",
    "none": "None yet. Choose a tool and draw on the scan.",
    "caption": "Caption (optional)",
    "remove": "Delete",
    "close_outline": "Close outline",
    "leave_outline": "Leave",
    "corners": "Click the corners, three at least.",
    "close_hint": "Enter, or the first corner again, closes the outline.",
    "crosses": "The outline crosses itself. Undo takes the last corner back.",
    "put_back": "That would make the outline cross itself: the corner was put back.",
    "pull": "Pull from one corner to the other.",
    "nothing_to_erase": "Choose a painted region first; the eraser takes pixels from it.",
    "too_many": "A scan holds at most {n} regions.",
    "too_many_points": "An outline has at most {n} corners.",
    "key_cursor": "Arrows move the cross, Space puts the pen down and up, Esc hides it.",
    "saving": "Saving …",
    "saved": "Saved",
    "not_saved": "Not saved yet: no answer from the server. It is kept here and sent again.",
    "restored": "What had not been saved was brought back.",
    "no_library": "The drawing tools could not be loaded. Reload the page.",
}

OUTLINE_KEYS: tuple[tuple[str, str], ...] = (
    ("V", "select and move; pull the handles to resize"),
    ("B P O C", "box, polygon, point, ellipse"),
    ("Y X", "brush, eraser"),
    ("[ ]", "smaller, larger brush"),
    ("Enter", "close the polygon"),
    ("Esc", "leave a polygon half drawn; select nothing"),
    ("Delete", "delete the selected region; in a polygon, the last corner"),
    ("Ctrl+Z Ctrl+Y", "undo, redo"),
    ("arrows", "move the selected region by a pixel, with Shift by ten"),
    ("Space", "draw with the keys: a cross to move, pen down, pen up"),
    ("+ − 0", "zoom in, out, whole scan in its own light"),
    ("⇧ arrows ⇧ I", "with nothing selected: contrast and brightness; black and white turned"),
    ("?", "these keys"),
)

FAULTS: dict[str, str] = {
    "payload": "Expected regions from the page. Received {value!r}. Reload the page.",
    "too_many": "Expected at most {limit} regions. Received {count:,}. Draw fewer.",
    "twice": "Expected each region once. Received {id!r} twice. Reload the page.",
    "words": "Expected printable text as {what}. Received {value!r}. Type it again.",
    "numbers": "Expected numbers as places. Received something else. Draw the region again.",
}
