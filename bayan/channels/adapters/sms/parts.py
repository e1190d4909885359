"""How many parts a text message is sent in, which is what it costs and how long it may be.

A text of the telephone's own alphabet (GSM 03.38) has 160 characters in one part, 153 in each of several;
those of its extension table count twice. Any other letter, such as an Arabic one, makes it UCS-2: 70 and
67 code units, of which an emoji takes two. A pair is never cut in half: it goes to the next part whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from bayan.channels.adapters.base import PartRefused

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
GSM_SINGLE, GSM_JOINED = 160, 153
UCS2_SINGLE, UCS2_JOINED = 70, 67
# Longer ones arrive late and in pieces, and nobody reads them.
MOST_PARTS = 8


@dataclass(frozen=True)
class Length:
    """How long a text is on its way."""

    units: int
    parts: int
    is_unicode: bool

    @property
    def most(self) -> int:
        """How many units of this alphabet fit at most."""
        return MOST_PARTS * (UCS2_JOINED if self.is_unicode else GSM_JOINED)


def length_of(text: str) -> Length:
    """The units and parts of this text."""
    is_unicode = not all(letter in BASIC or letter in EXTENSION for letter in text)
    if is_unicode:
        sizes = [2 if letter > "\uffff" else 1 for letter in text]
        single, joined = UCS2_SINGLE, UCS2_JOINED
    else:
        sizes = [2 if letter in EXTENSION else 1 for letter in text]
        single, joined = GSM_SINGLE, GSM_JOINED
    units = sum(sizes)
    if units <= single:
        return Length(units, 1 if units else 0, is_unicode)
    count, room = 1, joined
    for size in sizes:
        if size > room:
            count, room = count + 1, joined
        room -= size
    return Length(units, count, is_unicode)


def check(text: str) -> None:
    """Refuse a text that is empty or too long.

    :raises PartRefused: with how many units there may be in its alphabet
    """
    length = length_of(text)
    if not length.parts or length.parts > MOST_PARTS:
        raise PartRefused("text", length.most if length.parts else MOST_PARTS * UCS2_JOINED)


def shortened(text: str, *, keeping: str = "") -> str:
    """The text cut so that it fits with what must stand at its end, such as a link."""
    end = f"\n{keeping}" if keeping else ""
    while text and length_of(text + end).parts > MOST_PARTS:
        # By words, as people read them.
        text = text[: max(0, len(text) - 20)].rsplit(" ", 1)[0].rstrip("…") + "…"
        if text == "…":
            text = ""
    return (text + end).strip()
