"""What a Gradio host runs: `python app.py`. The same as `octtutor serve`."""

import os

from octtutor.cli.output import one_line_errors
from octtutor.wiring import read_settings, serve

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    with one_line_errors():
        serve(read_settings(), host, port, share=False, say=print)
