"""What pages of other apps show of work."""

from __future__ import annotations

from datetime import datetime

from django import template

from bayan.work.models import Item

register = template.Library()


@register.inclusion_tag("work/line.html")
def task(item: Item, now: datetime) -> dict[str, object]:
    """One task of a list."""
    return {"item": item, "now": now}
