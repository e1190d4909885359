"""What the pages of cases need: addresses with filters, and how long a case still has."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from datetime import datetime

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bayan.cases.answering.reading import state_words
from bayan.cases.filtering import query_of
from bayan.cases.models import Case
from bayan.cases.selectors import Filters, ShownBurst, Spot
from bayan.cases.surge.band import bands
from bayan.core.maps import Label
from bayan.core.templatetags.bayan import both_calendars, due_by
from bayan.people.models import Turn

register = template.Library()


@register.simple_tag
def case_query(filters: Filters, **changes: str) -> str:
    """The address of the same cases with something changed."""
    return query_of(filters, **changes)


@register.simple_tag
def due(case: Case, now: datetime) -> SafeString | str:
    """How long an open case still has, or since when it is late; the exact moment behind it.

    Where the second deadline is missed too, it says so.
    """
    # What waits for its person is not due meanwhile: its stage says so.
    if case.is_closed or case.stage == Case.Stage.WAITS_FOR_PERSON:
        return ""
    badge = due_by(case.due_at, now)
    if case.second_due_at is None or case.second_due_at >= now:
        return badge
    return format_html(
        '{} <span class="badge is-bad" title="{}">{}</span>',
        badge, both_calendars(case.second_due_at), _("second deadline missed"),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def case_look(context: Context, case: Case) -> Hashable:
    """All that lists and boards show of this case but its clock: as long as it is the same, the row is."""
    return (
        get_language(), context.get("may_act"), case.public_id, case.conversation.public_id,
        case.subject, case.contact.name, case.category, case.node_id, case.place,
        case.owner and case.owner.name, case.priority, case.stage, case.outcome,
        case.satisfaction, case.times_reopened, getattr(case, "reports", 0),
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


@register.filter
def answer_state(state: str) -> str:
    """Where the message of an answer is, in words."""
    return state_words(state)


def _may_surge(context: Context, row: ShownBurst) -> bool:
    """Whether the reader may switch surge mode on where a burst is, and it is off there."""
    access = context.get("access")
    if access is None or not access.may("surge.manage", row.burst.node):
        return False
    return all(band.node_id not in row.burst.node.lineage for band in bands())


@register.inclusion_tag("cases/burst.html", takes_context=True)
def burst(
    context: Context, row: ShownBurst, *, duty: Turn | None, may_see: bool
) -> dict[str, object]:
    """A burst with what one does now; `duty` is whom one warns."""
    return {
        "row": row,
        "duty": duty,
        "may_see": may_see,
        "may_surge": _may_surge(context, row),
        "csrf_token": context.get("csrf_token"),
    }
