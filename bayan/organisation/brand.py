"""An authority's names and colours, as its pack's `brand.toml` gives them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from bayan.core.colours import contrast, mixed
from bayan.core.errors import DomainError

A_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
# WCAG 2.2, level AA, for text of ordinary size.
READABLE = 4.5
WHITE = "#ffffff"


class BrandUnreadable(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Brand:
    """What letters, files and pages of this authority carry."""

    name_ar: str
    name_en: str
    # White text must be readable on it.
    primary: str
    # A file beside brand.toml.
    logo: Path | None


def read_brand(folder: Path) -> Brand | None:
    """The pack's brand; None where the pack has none.

    :raises BrandUnreadable: says which line is wrong and how
    """
    path = folder / "brand.toml"
    if not path.exists():
        return None
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrandUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    primary = _text(given, "primary", path)
    if not A_COLOUR.fullmatch(primary):
        raise BrandUnreadable(
            _("%(path)s: primary is “%(value)s”, not a colour such as #1f7a4f.")
            % {"path": path, "value": primary}
        )
    reached = contrast(primary, WHITE)
    if reached < READABLE:
        raise BrandUnreadable(
            _(
                "%(path)s: white text on %(colour)s has a contrast of %(reached)s to 1. "
                "Take a darker colour: %(needed)s to 1 is needed to be read."
            )
            # Cut, not rounded: 4.46 is not enough.
            % {
                "path": path,
                "colour": primary,
                "reached": int(reached * 10) / 10,
                "needed": READABLE,
            }
        )
    logo = folder / _text(given, "logo", path) if given.get("logo") else None
    if logo and (logo.parent != folder or not logo.is_file()):
        raise BrandUnreadable(
            _("%(path)s: the logo “%(logo)s” is not beside it.")
            % {"path": path, "logo": given["logo"]}
        )
    return Brand(
        name_ar=_text(given, "name_ar", path),
        name_en=_text(given, "name_en", path),
        primary=primary.lower(),
        logo=logo,
    )


# The grounds on which pages stand, light and dark (assets/css/tokens.css).
GROUNDS = {"light": "#ffffff", "dark": "#121a28"}


def tokens(primary: str) -> dict[str, dict[str, str]]:
    """The colours of pages that follow from an authority's one, for light and dark, by their token.

    What is read on the ground keeps `READABLE`, however light or dark the one colour is.
    """
    light, dark = GROUNDS["light"], GROUNDS["dark"]
    # In the dark a button stands out by being a little lighter, and still bears white text.
    button = primary if contrast(primary, dark) > 2 else _readable(primary, WHITE, towards=WHITE)
    soft = {"light": mixed(light, primary, 0.06), "dark": mixed(dark, primary, 0.25)}
    return {
        "accent": {"light": primary, "dark": button},
        "accent-hover": {"light": mixed(primary, "#000000", 0.2), "dark": primary},
        "accent-ink": {
            "light": mixed(primary, "#000000", 0.2),
            # The lighter of its grounds is the harder one.
            "dark": _towards(primary, WHITE, ground=max(dark, soft["dark"], key=_lightness)),
        },
        "accent-soft": soft,
        "accent-line": {"light": mixed(light, primary, 0.25), "dark": mixed(dark, primary, 0.5)},
        "own": {"light": mixed(light, primary, 0.12), "dark": mixed(dark, primary, 0.3)},
        "own-line": {"light": mixed(light, primary, 0.25), "dark": mixed(dark, primary, 0.5)},
        "deep": dict.fromkeys(GROUNDS, mixed(primary, "#000000", 0.3)),
        "deepest": dict.fromkeys(GROUNDS, mixed(primary, "#000000", 0.6)),
    }


def _lightness(colour: str) -> float:
    return contrast(colour, "#000000")


def _towards(colour: str, other: str, *, ground: str) -> str:
    """The first step from one colour towards the other that is read on this ground."""
    steps = (mixed(colour, other, step / 20) for step in range(21))
    return next(found for found in steps if contrast(found, ground) >= READABLE)


def _readable(colour: str, text: str, *, towards: str) -> str:
    """The last step from one colour towards another that still bears this text."""
    steps = (mixed(colour, towards, step / 20) for step in reversed(range(21)))
    return next(found for found in steps if contrast(found, text) >= READABLE)


def _text(given: dict[str, Any], field: str, path: Path) -> str:
    value = given.get(field)
    if not isinstance(value, str) or not value.strip():
        raise BrandUnreadable(_("%(path)s: %(field)s is missing.") % {"path": path, "field": field})
    return value.strip()
