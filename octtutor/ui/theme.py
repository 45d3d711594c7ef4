"""How both pages look: theme and styles."""

from pathlib import Path
from typing import Any

import gradio as gr

ACCENT = "#f2e6cf"

STYLES = (
    "shared/assets/page.css",
    "learn/assets/learn.css",
    "learn/assets/guess.css",
    "progress/assets/progress.css",
    "sessions/assets/board.css",
    "read/assets/read.css",
)


def look() -> dict[str, Any]:
    """Return theme and styles, as `Blocks.launch` takes them."""
    grey = gr.themes.colors.neutral
    theme = gr.themes.Base(
        primary_hue=grey, secondary_hue=grey, neutral_hue=grey, font=["system-ui", "sans-serif"]
    ).set(
        button_primary_background_fill="*neutral_800",
        button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark=ACCENT,
        button_primary_background_fill_hover_dark="#fff6e4",
        button_primary_text_color_dark="*neutral_900",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )
    styles = "\n".join((Path(__file__).parent / name).read_text("utf-8") for name in STYLES)
    return {"theme": theme, "css": styles}
