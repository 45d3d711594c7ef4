"""OCT Tutor: learn to read retinal OCT scans. For teaching, not for diagnosis."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_model"]


def __getattr__(name: str) -> Any:
    """Load the library's way in when it is asked for: nothing heavy comes with the package."""
    if name != "load_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # by name: the floors below import this package

    return import_module("octtutor.wiring").load_model
