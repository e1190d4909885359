"""An authority's names and colours, as its pack's `brand.toml` gives them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from bayan.core.colours import contrast
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


def _text(given: dict[str, Any], field: str, path: Path) -> str:
    value = given.get(field)
    if not isinstance(value, str) or not value.strip():
        raise BrandUnreadable(_("%(path)s: %(field)s is missing.") % {"path": path, "field": field})
    return value.strip()
