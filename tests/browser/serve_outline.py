"""Serves the outline canvas alone: FOLDER PORT. What the canvas sends is in FOLDER/marks.json."""

import json
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI

from octtutor.core.annotation.annotation import Mark
from octtutor.core.annotation.annotation_json import mark_from_dict, mark_to_dict
from octtutor.core.annotation.region_shape import Ellipse
from octtutor.errors import BadInputError
from octtutor.ui.canvas.canvas import (
    answer_view,
    build_outline,
    outline_view,
    read_marks,
    suggestion_view,
)
from octtutor.ui.client.client_files import ClientFiles
from octtutor.ui.educator_page import build_educator_page
from octtutor.ui.theme import look

WIDTH, HEIGHT = 300, 200
SUGGESTED = Mark("suggestion-1", "drusen", Ellipse(150, 100, 40, 20, 30))


def scan() -> np.ndarray:
    """A scan with a bright band, uint8 (HEIGHT, WIDTH)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    band = 150 * np.exp(-(((y - 120 - 15 * np.sin(x / 40)) / 14) ** 2))
    grain = np.random.default_rng(7).normal(40, 14, (HEIGHT, WIDTH))
    return np.clip(band + grain, 0, 255).astype(np.uint8)


def build(folder: Path) -> gr.Blocks:
    """Compose a page of the canvas and what it needs of a room around it."""
    file = folder / "marks.json"

    def show(request: gr.Request) -> dict[str, Any]:
        kept = json.loads(file.read_text())["marks"] if file.exists() else []
        marks = [mark_from_dict(mark) for mark in kept]
        readonly = "readonly" in request.query_params
        return outline_view("scan-1", scan(), marks, readonly, suggests=True)

    def save(event: gr.EventData) -> dict[str, Any]:
        try:
            marks = read_marks(event._data, WIDTH, HEIGHT)
        except BadInputError as error:
            return answer_view(event._data, str(error))
        new = folder / "new.json"
        new.write_text(json.dumps({"marks": [mark_to_dict(mark) for mark in marks]}))
        new.replace(file)
        return answer_view(event._data)

    def tab(page: gr.Blocks) -> None:
        with gr.Tab("Annotate"):
            canvas = build_outline()
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        page.load(show, None, canvas, **quiet)
        canvas.input(save, None, canvas, **quiet)
        canvas.apply(lambda: suggestion_view("scan-1", SUGGESTED), None, canvas, **quiet)

    return build_educator_page(Nobody(), [tab])  # type: ignore[arg-type]


class Nobody:
    """A door that nobody has to pass."""

    def require_educator(self, request: object) -> None:
        """Let in whoever asks."""


def main(folder: str, port: str) -> None:
    """Serve until the process is ended."""
    app = FastAPI()
    app.add_middleware(ClientFiles, under="/educator")
    gr.mount_gradio_app(app, build(Path(folder)), "/educator", ssr_mode=False, **look())
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
