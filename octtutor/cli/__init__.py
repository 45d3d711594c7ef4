"""`octtutor …`: one function a command, the same use cases as the page."""

from octtutor.cli.main import main

__all__ = ["main"]
