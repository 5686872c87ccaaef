"""Whether a person's name and employer can be printed, asked before any paper is due."""

from typing import TYPE_CHECKING

from bridge.kernel.errors import Unavailable

if TYPE_CHECKING:
    from bridge.wiring.house import House


def unprintable(house: "House", *texts: str) -> tuple[str, ...]:
    """Return the code points (U+323AF) for which no font has a glyph.

    Empty too where there are no fonts at all: then no paper is printed, and whoever asks for one is told so.
    """
    try:
        printer = house.printer
    except Unavailable:
        return ()
    # The code point is enough for whoever mends the fonts; the character narrows down a name.
    wanted = {character for text in texts for character in text if character > "\x7f"}
    return tuple(f"U+{ord(character):04X}" for character in printer.lacking(wanted))
