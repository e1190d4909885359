"""Reading for the API: pages of rows in the shape that docs and contract promise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from django.urls import reverse

from bayan.cases.models import Case
from bayan.channels.models import Media
from bayan.core.paging import Cursor, page_of
from bayan.correspondence import selectors as letters
from bayan.correspondence.models import Letter
from bayan.inbox.models import Conversation, Message
from bayan.meetings import selectors as meeting_selectors
from bayan.meetings.models import Meeting, Poll
from bayan.organisation.models import Node
from bayan.people.permissions import Access

Out = dict[str, Any]


def conversations(
    *, state: str | None, municipality: str | None, limit: int, after: Cursor | None
) -> Out:
    """A page of conversations."""
    rows = Conversation.objects.select_related("node", "contact")
    if state:
        rows = rows.open() if state == "open" else rows.closed()
    if municipality:
        rows = rows.filter(node__key=municipality)
    return _page(rows, "last_message_at", conversation_out, limit=limit, after=after)


def messages(
    *,
    conversation_id: UUID | None,
    case_id: UUID | None,
    direction: str | None,
    limit: int,
    after: Cursor | None,
) -> Out:
    """A page of messages."""
    rows = _messages()
    if conversation_id:
        rows = rows.filter(conversation__public_id=conversation_id)
    if case_id:
        rows = rows.filter(matter__in=Case.objects.filter(public_id=case_id).values("reference"))
    if direction:
        rows = rows.filter(direction=direction)
    return _page(rows, "received_at", message_out, limit=limit, after=after)


def message(message_id: UUID) -> Out:
    """One message, or 404."""
    return message_out(get_object_or_404(_messages(), public_id=message_id))


def cases(
    *,
    state: str | None,
    municipality: str | None,
    reference: str | None,
    limit: int,
    after: Cursor | None,
) -> Out:
    """A page of cases."""
    rows = Case.objects.select_related("node", "contact", "conversation")
    if state:
        rows = rows.open() if state == "open" else rows.closed()
    if municipality:
        rows = rows.filter(node__key=municipality)
    if reference:
        rows = rows.filter(reference=reference)
    return _page(rows, "opened_at", case_out, limit=limit, after=after)


def conversation_out(row: Conversation) -> Out:
    return {
        "id": row.public_id,
        "contact_id": row.contact.public_id,
        "municipality": _municipality(row.node),
        "state": row.state,
        "case_reference": row.matter or None,
        "last_message_at": row.last_message_at,
        "window_closes_at": row.window_closes_at,
    }


def message_out(row: Any) -> Out:
    outgoing = row.outgoing
    return {
        "id": row.public_id,
        "external_id": (outgoing.external_id if outgoing else row.external_id) or None,
        "conversation_id": row.conversation.public_id,
        "case_id": row.case_public_id,
        "direction": row.direction,
        "kind": row.kind,
        # What a person took back is nobody's business any more.
        "text": "" if row.revoked_at else row.text,
        "status": row.status,
        "received_at": row.received_at,
        "error": row.error,
        "payload": {} if row.revoked_at else row.payload,
        "media": media_out(row.media) if row.media and not row.revoked_at else None,
        "quoted_external_id": row.quoted_id or None,
        "forwarded": row.forwarded or None,
        "their_reaction": row.their_reaction or None,
        "our_reaction": row.our_reaction or None,
        "edited_at": row.edited_at,
        "revoked_at": row.revoked_at,
    }


def media_out(row: Media) -> Out:
    is_stored = row.state == Media.State.STORED
    return {
        "id": row.public_id,
        "kind": row.kind,
        "state": row.state,
        "mime_type": row.mime_type or None,
        "name": row.name or None,
        "size": row.size,
        "sha256": row.sha256 or None,
        "url": reverse("inbox:media", args=[row.public_id]) if is_stored else None,
    }


def case_out(row: Case) -> Out:
    return {
        "id": row.public_id,
        "reference": row.reference,
        "state": row.state,
        "kind": row.kind or None,
        "municipality": _municipality(row.node),
        "conversation_id": row.conversation.public_id,
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "outcome": row.outcome or None,
        "satisfaction": row.satisfaction,
    }


def circulars(
    access: Access, *, state: str | None, kind: str | None, limit: int, after: Cursor | None
) -> Out:
    """A page of letters, each with how many have done what it wants."""
    rows = Letter.objects.select_related("node")
    if state:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    page = page_of(rows, newest="changed_at", after=after, limit=limit)
    letters.with_counts(page.rows, access)
    return {
        "items": [circular_out(row) for row in page.rows],
        "next_cursor": str(page.next_cursor) if page.next_cursor else None,
    }


def circular(row: Letter, access: Access, *, now: datetime) -> Out:
    """One letter with its text, and how far it is with its people where the reader may see that."""
    letters.with_counts([row], access)
    sees_all = letters.may_see_all(row, access)
    is_hidden = row.state == Letter.State.RECALLED and not sees_all
    stages = letters.matrix(row, access, now=now, most=1).counts if sees_all else None
    return circular_out(row) | {"text": "" if is_hidden else row.text, "stages": stages}


def circular_out(row: Letter) -> Out:
    return {
        "id": row.public_id,
        "reference": row.reference or None,
        "kind": row.kind,
        "state": row.state,
        "grade": row.grade,
        "urgency": row.urgency,
        "wants": row.wants,
        "subject": row.shown_subject,  # type: ignore[attr-defined]
        "municipality": _municipality(row.node),
        "sent_at": row.sent_at,
        "due_at": row.due_at,
        "recipients": row.total,  # type: ignore[attr-defined]
        "done": row.done,  # type: ignore[attr-defined]
    }


def polls(access: Access, *, state: str | None, limit: int, after: Cursor | None) -> Out:
    """A page of polls, each as it stands; drafts of those bodies alone for which the member writes."""
    rows = _begun(Poll.objects.select_related("node"), access)
    if state:
        rows = rows.filter(state=state)
    page = page_of(rows, newest="changed_at", after=after, limit=limit)
    meeting_selectors.with_outcomes(page.rows)
    return {
        "items": [poll_out(row) for row in page.rows],
        "next_cursor": str(page.next_cursor) if page.next_cursor else None,
    }


def poll(poll_id: UUID, access: Access) -> Out:
    """One poll with the member's own vote, or 404."""
    row = get_object_or_404(_begun(Poll.objects.select_related("node"), access), public_id=poll_id)
    meeting_selectors.with_outcomes([row])
    mine = row.voters.filter(member=access.member).select_related("option").first()
    return poll_out(row) | {
        "asked_me": mine is not None,
        "my_answer": mine.option.text if mine and mine.option else None,
    }


def poll_out(row: Any) -> Out:
    outcome = row.outcome
    return {
        "id": row.public_id,
        "question": row.question,
        "state": row.state,
        "municipality": _municipality(row.node),
        "secret": row.is_secret,
        "sent_at": row.sent_at,
        "due_at": row.due_at,
        "ended_at": row.ended_at,
        "asked": outcome.asked,
        "voted": outcome.voted,
        "needed": outcome.needed or None,
        "quorum_reached": outcome.is_reached,
        "votes": [{"answer": text, "count": count} for text, count in outcome.votes],
    }


def meetings(access: Access, *, state: str | None, limit: int, after: Cursor | None) -> Out:
    """A page of meetings, the one that begins last first."""
    rows = _begun(Meeting.objects.select_related("node", "chair", "secretary"), access)
    if state:
        rows = rows.filter(state=state)
    return _page(rows, "starts_at", meeting_out, limit=limit, after=after)


def meeting(meeting_id: UUID, access: Access) -> Out:
    """One meeting with its agenda, who comes, and its decisions where the member may read the minutes."""
    rows = _begun(Meeting.objects.select_related("node", "chair", "secretary"), access)
    row = get_object_or_404(rows, public_id=meeting_id)
    reads = meeting_selectors.may_read_minutes(row, access)
    people = meeting_selectors.invitees_of(row)
    mine = next((one for one in people if one.member_id == access.member.pk), None)
    decisions = meeting_selectors.decisions_of(row) if reads else []
    return meeting_out(row) | {
        "agenda": [one.title for one in row.agenda.order_by("position")],
        "invited": len(people),
        "answers": {
            answer: sum(one.answer == answer for one in people)
            for answer in ("comes", "excused", "sends")
        },
        "my_answer": (mine.answer or None) if mine else None,
        "decisions": [
            {
                "id": one.public_id,
                "text": one.text,
                "due_at": one.due_at,
                "municipality": _municipality(one.node),
                "task_state": one.item.state if one.item else None,
            }
            for one in decisions
        ],
    }


def meeting_out(row: Meeting) -> Out:
    return {
        "id": row.public_id,
        "title": row.title,
        "kind": row.kind,
        "state": row.state,
        "municipality": _municipality(row.node),
        "starts_at": row.starts_at,
        "minutes_long": row.minutes_long,
        "place": row.place or None,
        "link": row.link or None,
        "minutes": row.minutes_state or None,
    }


def _begun(rows: QuerySet[Any], access: Access) -> QuerySet[Any]:
    """Those that have left; drafts of those bodies alone for which the member writes."""
    ours = Q(node__lineage__overlap=access.bodies_of("meetings.write"))
    return rows.filter(~Q(state="draft") | ours)


def _messages() -> QuerySet[Message]:
    case = Case.objects.filter(reference=OuterRef("matter")).values("public_id")
    return Message.objects.select_related("outgoing", "conversation", "media").annotate(
        case_public_id=Subquery(case)
    )


def _page(
    rows: QuerySet[Any], newest: str, out: Callable[[Any], Out], *, limit: int, after: Cursor | None
) -> Out:
    page = page_of(rows, newest=newest, after=after, limit=limit)
    return {
        "items": [out(row) for row in page.rows],
        "next_cursor": str(page.next_cursor) if page.next_cursor else None,
    }


def _municipality(node: Node) -> str | None:
    return node.key if node.kind == Node.Kind.MUNICIPALITY else None
