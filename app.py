"""What a Gradio host runs: `python app.py`. The same as `octtutor serve`."""

import os

from octtutor.cli.output import one_line_errors
from octtutor.wiring import read_port, read_settings, serve

if __name__ == "__main__":
    with one_line_errors():
        host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
        serve(read_settings(), host, read_port(os.environ), share=False, say=print)
