"""A region: a named part of a scan, such as one lesion, as its outline."""

from dataclasses import dataclass

Point = tuple[float, float]
"""(x, y) in scan pixels: (0, 0) is the scan's top left corner, not the first pixel's centre."""
Outline = tuple[Point, ...]
"""A closed polygon, three points or more; its last point joins its first."""


@dataclass(frozen=True, slots=True)
class Region:
    """What is seen at one place of a scan, or at several that go under one name.

    Attributes:
        name: in the field's words, such as `subretinal fluid`.
        parts: one outline for each place, one at least.
    """

    name: str
    parts: tuple[Outline, ...]

    @property
    def largest(self) -> Outline:
        """The part with the largest area; of equals the first."""
        return max(self.parts, key=area)


def area(outline: Outline) -> float:
    """Return the area inside a polygon, square pixels (the shoelace formula)."""
    following = outline[1:] + outline[:1]
    twice = sum(x * y2 - x2 * y for (x, y), (x2, y2) in zip(outline, following, strict=True))
    return abs(twice) / 2
