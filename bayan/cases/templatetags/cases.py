"""What the pages of cases need: addresses with filters, and how long a case still has."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bayan.cases.filtering import query_of
from bayan.cases.models import Case
from bayan.cases.selectors import Filters, ShownBurst, Spot
from bayan.core.maps import Label
from bayan.core.templatetags.bayan import both_calendars, icon
from bayan.people.models import Turn

register = template.Library()

# When so little is left, the case stands out.
SOON = timedelta(hours=3)


@register.simple_tag
def case_query(filters: Filters, **changes: str) -> str:
    """The address of the same cases with something changed."""
    return query_of(filters, **changes)


@register.simple_tag
def due(case: Case, now: datetime) -> SafeString | str:
    """How long an open case still has, or since when it is late; the exact moment behind it."""
    if case.is_closed:
        return ""
    # A minute is the least that is shown.
    minutes = (case.due_at - now) // timedelta(minutes=1)
    return _due(case.due_at, minutes, get_language())


# The language is asked for because the badge speaks it: it is part of the key.
@lru_cache(maxsize=8_192)
def _due(due_at: datetime, minutes: int, _language: str | None) -> SafeString:
    rest = timedelta(minutes=minutes)
    tone = "is-bad" if rest < timedelta() else "is-warn" if rest < SOON else ""
    words = (
        _("late by %(time)s") % {"time": span(-rest)}
        if rest < timedelta()
        else _("%(time)s left") % {"time": span(rest)}
    )
    return format_html(
        '<span class="badge due {}" title="{}">{}{}</span>',
        tone, both_calendars(due_at), icon("clock"), words,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def case_look(context: Context, case: Case) -> Hashable:
    """All that lists and boards show of this case but its clock: as long as it is the same, the row is."""
    return (
        get_language(), context.get("may_act"), case.public_id, case.conversation.public_id,
        case.subject, case.contact.name, case.category, case.node_id, case.place,
        case.owner and case.owner.name, case.priority, case.stage, case.outcome,
        case.satisfaction, case.times_reopened,
    )  # fmt: skip


@register.simple_tag
def spots_drawn(spots: Iterable[tuple[Label, Spot]], pen: str) -> SafeString:
    """The circles of the map, each with its number; hundreds of them, so not one by one in the template."""
    return mark_safe(  # noqa: S308  # numbers only
        "".join(
            f'<g class="spot{" is-late" if spot.late else ""}"'
            f' transform="translate({mark.x} {mark.y}) scale({pen})">'
            f'<circle r="{spot_radius(spot.count)}"/>'
            + (f'<text dy=".35em">{spot.count}</text>' if spot.count > 1 else "")
            + "</g>"
            for mark, spot in spots
        )
    )


def spot_radius(count: int) -> str:
    """The radius of a circle whose area grows with what it holds, in strokes of the map's pen."""
    return f"{min(5 + 2.2 * math.sqrt(count), 22):.1f}"


def span(length: timedelta) -> str:
    """A length of time in its two greatest units: 2 d 3 h, 3 h 20 min, 20 min."""
    minutes = int(length.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return (
            _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}
            if hours
            else _("%(days)s d") % {"days": days}
        )
    if hours:
        return (
            _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
            if minutes
            else _("%(hours)s h") % {"hours": hours}
        )
    return _("%(minutes)s min") % {"minutes": minutes}


@register.inclusion_tag("cases/burst.html", takes_context=True)
def burst(
    context: Context, row: ShownBurst, *, duty: Turn | None, may_see: bool
) -> dict[str, object]:
    """A burst with what one does now; `duty` is whom one warns."""
    return {
        "row": row,
        "duty": duty,
        "may_see": may_see,
        "csrf_token": context.get("csrf_token"),
    }
