"""The colours of the interface, as its sheet gives them, and how well they stand on each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders

from bayan.core.colours import contrast

# WCAG 2.2, level AA: what is read, and what is only to be seen (edges of fields, signs).
READ, SEEN = 4.5, 3.0
# What a colour stands on, at worst, and how far it must be from it. The others are grounds and quiet lines.
STANDS_ON = {
    "ink": ("sunken", READ), "ink-2": ("sunken", READ), "ink-3": ("sunken", READ),
    "line-control": ("surface", SEEN),
    "accent": ("surface", SEEN), "accent-ink": ("accent-soft", READ), "on-accent": ("accent", READ),
    "ok-ink": ("ok-soft", READ),
    "warn": ("surface", SEEN), "warn-ink": ("warn-soft", READ),
    "bad": ("surface", SEEN), "bad-ink": ("bad-soft", READ),
    "info-ink": ("info-soft", READ),
    "read": ("own", SEEN),
}  # fmt: skip
_ROOT = re.compile(r":root\s*{(.*?)}", re.DOTALL)
_TOKEN = re.compile(
    r"--([\w-]+):\s*(?:light-dark\(\s*(#[0-9a-f]{3,6})\s*,\s*(#[0-9a-f]{3,6})\s*\)|(#[0-9a-f]{3,6}))\s*[;}]"
)


@dataclass(frozen=True)
class Colour:
    """A token with its light and its dark value (#rrggbb)."""

    name: str
    light: str
    dark: str


@dataclass(frozen=True)
class Swatch:
    """A token as the page shows it, on what it stands on; a ground stands on nothing."""

    colour: Colour
    ground: Colour | None
    needed: float

    @property
    def reached(self) -> tuple[float, float]:
        """The contrast in the light and in the dark appearance."""
        if self.ground is None:
            return 0.0, 0.0
        return (
            contrast(self.colour.light, self.ground.light),
            contrast(self.colour.dark, self.ground.dark),
        )


def swatches() -> list[Swatch]:
    """Every colour of the sheet that browsers get, in its order."""
    colours = _colours(Path(finders.find("core/dist/app.css") or "/nonexistent"))
    return [
        Swatch(colour, colours.get(ground), needed)
        for colour in colours.values()
        for ground, needed in [STANDS_ON.get(colour.name, ("", 0.0))]
    ]


@cache
def _colours(path: Path) -> dict[str, Colour]:
    root = _ROOT.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return {
        name: Colour(name, _whole(light or both), _whole(dark or both))
        for name, light, dark, both in _TOKEN.findall(f"{root[1]};" if root else "")
    }


def _whole(colour: str) -> str:
    """#fff as #ffffff."""
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])
