"""Lists of meetings and decisions, who comes, and who may do what with the minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from bayan.meetings.models import AgendaItem, Decision, Invitee, Meeting
from bayan.meetings.selectors.deputies import lenders_of
from bayan.people.permissions import Access
from bayan.work.models import Item

# A meeting that has begun stands among those to come for so long.
LASTS = timedelta(hours=3)


def views_of_meetings(access: Access, *, now: datetime) -> dict[str, QuerySet[Meeting]]:
    """The meetings of each view of the list."""
    return {
        "coming": Meeting.objects.filter(state=Meeting.State.CALLED, starts_at__gt=now - LASTS),
        "past": Meeting.objects.filter(called_at__isnull=False).filter(
            Q(starts_at__lte=now - LASTS) | Q(state=Meeting.State.CANCELLED)
        ),
        "drafts": Meeting.objects.filter(
            state=Meeting.State.DRAFT, node__lineage__overlap=access.bodies_of("meetings.write")
        ),
    }


def meetings_found(rows: QuerySet[Meeting], words: str) -> QuerySet[Meeting]:
    """Those of these meetings that say all of these words in title, place, agenda or decisions."""
    for word in words.split():
        rows = rows.filter(
            Q(title__icontains=word)
            | Q(place__icontains=word)
            | Exists(AgendaItem.objects.filter(meeting=OuterRef("pk"), title__icontains=word))
            | Exists(Decision.objects.filter(meeting=OuterRef("pk"), text__icontains=word))
        )
    return rows


def shown_meetings(rows: QuerySet[Meeting], access: Access) -> QuerySet[Meeting]:
    """With all that a row shows; `my_answer` is the reader's own."""
    mine = Invitee.objects.filter(meeting=OuterRef("pk"), member=access.member)
    return rows.select_related("node", "chair").annotate(
        my_answer=Subquery(mine.values("answer")[:1])
    )


def lent_seats(people: Sequence[Invitee], access: Access, *, now: datetime) -> list[Invitee]:
    """Those of the invited for whom the reader stands in."""
    lenders = set(lenders_of(access.member, now=now).values_list("member", flat=True))
    return [one for one in people if one.member_id in lenders]


def invitees_of(meeting: Meeting) -> list[Invitee]:
    """Everybody invited, body by body."""
    return list(
        meeting.invitees.select_related("member", "node", "reach").order_by(
            "node__position", "node", "member__name_ar", "pk"
        )
    )


def answers_in(people: Sequence[Invitee]) -> dict[str, int]:
    """How many gave which answer; `none` those who gave none."""
    counts = Counter(one.answer or "none" for one in people)
    return {key: counts[key] for key in ("comes", "sends", "excused", "none")}


def may_write_minutes(meeting: Meeting, access: Access) -> bool:
    """Whether the reader writes them: the secretary, whoever called it, or who writes for its body."""
    return access.member.pk in {meeting.secretary_id, meeting.author_id} or access.may(
        "meetings.write", meeting.node
    )


def may_read_minutes(meeting: Meeting, access: Access) -> bool:
    """Whether the reader reads them: everybody once they are approved, before that who writes or approves."""
    return (
        meeting.minutes_state == Meeting.Minutes.APPROVED
        or access.member.pk == meeting.chair_id
        or may_write_minutes(meeting, access)
    )


def decisions_of(meeting: Meeting) -> list[Decision]:
    """What was decided, in its order."""
    return list(
        meeting.decisions.select_related("owner", "node", "item", "agenda_item").order_by("pk")
    )


def open_decisions_before(meeting: Meeting) -> list[Decision]:
    """What the meeting before it decided and nobody has done."""
    if meeting.follows_id is None:
        return []
    return list(
        Decision.objects.filter(meeting=meeting.follows_id)
        .exclude(item__state__in=[Item.State.DONE, Item.State.WITHDRAWN])
        .select_related("owner", "node", "item")
        .order_by("due_at", "pk")
    )


def decisions_seen(*, state: str = "", words: str = "", now: datetime) -> QuerySet[Decision]:
    """The approved decisions of all meetings that the reader sees: `open`, `late`, `done` or all."""
    rows = Decision.objects.filter(meeting__minutes_state=Meeting.Minutes.APPROVED)
    match state:
        case "open":
            rows = rows.filter(item__state=Item.State.OPEN)
        case "late":
            rows = rows.filter(item__state=Item.State.OPEN, item__due_at__lt=now)
        case "done":
            rows = rows.filter(item__state=Item.State.DONE)
    for word in words.split():
        rows = rows.filter(
            Q(text__icontains=word)
            | Q(meeting__title__icontains=word)
            | Q(owner__name_ar__icontains=word)
            | Q(owner__name_en__icontains=word)
        )
    return rows.select_related("meeting", "owner", "node", "item").order_by(
        F("meeting__starts_at").desc(), "pk"
    )
