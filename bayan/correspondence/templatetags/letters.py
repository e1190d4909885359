"""How far a letter is with somebody, in words."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from bayan.core.templatetags.bayan import hijri_words

register = template.Library()
STAGES: dict[str, str | Promise] = {
    "done": pgettext_lazy("stage of a letter", "done"),
    "read": pgettext_lazy("stage of a letter", "seen, not done"),
    "delivered": pgettext_lazy("stage of a letter", "delivered"),
    "sent": pgettext_lazy("stage of a letter", "sent"),
    "queued": pgettext_lazy("stage of a letter", "on its way"),
    "uncertain": pgettext_lazy("stage of a letter", "uncertain"),
    "page": pgettext_lazy("stage of a letter", "on the page only"),
}
COLOURS = {
    "done": "is-ok",
    "read": "is-info",
    "uncertain": "is-warn",
    "page": "is-bad",
}


@register.filter
def stage_name(stage: str) -> str | Promise:
    """How far it is with somebody."""
    return STAGES.get(stage, stage)


@register.filter
def stage_colour(stage: str) -> str:
    """The badge's class; empty for what is on its way as it should be."""
    return COLOURS.get(stage, "")


@register.filter
def count_of(counts: dict[str, int], key: str) -> int:
    """How many are at a stage."""
    return counts.get(key, 0)


@register.filter
def hijri(day: date) -> str:
    """A day as letters name it beside the Gregorian one; empty where the table of that calendar ends."""
    return hijri_words(day)


@register.filter
def percent(share: object) -> str:
    """A share as a whole number of hundredths; a dash where there is none."""
    return "—" if not isinstance(share, int | float) else f"{round(share * 100)}%"
