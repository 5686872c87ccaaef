"""Marks of frames: by them a frame that comes again, coded anew, is found among the earlier ones. Pure."""

from collections.abc import Iterable
from typing import Protocol

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels of the frame."""


class FrameMarks(Protocol):
    """Looks at pixels; safe to call from several threads. Each raises InvalidInput as `Frame`, and frame_unreadable."""

    def mark(self, jpeg: bytes) -> str:
        """Return 256 bits as 64 hex digits that change little when the picture is coded anew or scaled."""
        ...

    def difference(self, a: bytes, b: bytes, box: Box) -> float:
        """Return how much two frames differ within `box` (the face, as `a` shows it) once laid over each other:
        mean of the differences in grey, 0..255, another exposure fitted away."""
        ...

    def identical_share(self, a: bytes, b: bytes) -> float:
        """Return the share of the frame's blocks of 8x8 pixels, 0..1, that are the very same in both."""
        ...

    def same_place(self, a: bytes, b: bytes, box: Box) -> float:
        """Return how alike what lies around the face is in two frames, −1..1, a moved camera allowed for.

        Args:
            box: the face, as `b` shows it. Where there is nothing to see around it they count as alike (1).
        """
        ...


def differing_bits(a: str, b: str) -> int:
    """Return how many bits of two marks differ."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def nearest(mark: str, earlier: Iterable[tuple[str, str]], bits: int, most: int = 3) -> tuple[str, ...]:
    """Return the ids of the earlier frames, (id, mark) each, whose marks differ least and by `bits` at most."""
    found = sorted((differing_bits(mark, other), name) for name, other in earlier)
    return tuple(name for distance, name in found[:most] if distance <= bits)
