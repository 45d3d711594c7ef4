"""The outline canvas."""
