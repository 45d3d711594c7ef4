"""The page: composes the tabs, sets the theme."""

from typing import Any

import gradio as gr

from octtutor.ui.practise import ASSETS, PractiseHandlers, build_practise_tab
from octtutor.ui.texts import EDUCATORS, PURPOSE, TAGLINE, TITLE

ACCENT = "#f2e6cf"


def build_page(practise: PractiseHandlers) -> gr.Blocks:
    """Compose the page."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True
    ) as page:
        gr.HTML(
            f"<header id='head'><h1>{TITLE}</h1><p>{TAGLINE}</p>"
            f"<p class='purpose'>{PURPOSE} <a href='educator/'>{EDUCATORS['link']}</a></p></header>"
        )
        build_practise_tab(page, practise)
    page.queue(max_size=256)
    return page  # type: ignore[no-any-return]


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
    return {"theme": theme, "css": (ASSETS / "page.css").read_text("utf-8")}
