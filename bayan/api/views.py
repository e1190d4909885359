"""What the API answers: conversations, messages, cases, circulars, polls, meetings."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from bayan.api import selectors
from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.core.paging import Cursor
from bayan.correspondence import services as letters
from bayan.correspondence.models import Letter, Look
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest

router = Router()


class Problem(Schema):
    """An error, as RFC 9457 words it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class ConversationOut(Schema):
    id: UUID
    contact_id: UUID
    municipality: str | None = Field(
        description="Key of the municipality; null at the authority's desk"
    )
    state: str = Field(description="open | closed")
    case_reference: str | None
    last_message_at: datetime
    window_closes_at: datetime | None


class MediaOut(Schema):
    id: UUID
    kind: str = Field(description="image | audio | voice | video | document | sticker")
    state: str = Field(description="waiting | stored | refused | gone")
    mime_type: str | None
    name: str | None
    size: int | None
    sha256: str | None
    url: str | None = Field(
        description="Where its bytes are, with the same token; null until stored"
    )


class MessageOut(Schema):
    id: UUID
    external_id: str | None
    conversation_id: UUID
    case_id: UUID | None
    direction: str = Field(description="in | out")
    kind: str
    text: str
    status: str = Field(
        description="received | queued | sent | delivered | read | failed | uncertain"
    )
    received_at: datetime
    error: dict[str, Any] | None
    payload: dict[str, Any] = Field(description="What its kind has besides text")
    media: MediaOut | None
    quoted_external_id: str | None
    forwarded: str | None = Field(description="once | often")
    their_reaction: str | None
    our_reaction: str | None
    edited_at: datetime | None
    revoked_at: datetime | None


class CaseOut(Schema):
    id: UUID
    reference: str
    state: str = Field(description="open | closed")
    kind: str | None
    municipality: str | None = Field(
        description="Key of the municipality; null at the authority's desk"
    )
    conversation_id: UUID
    opened_at: datetime
    closed_at: datetime | None
    outcome: str | None
    satisfaction: int | None = Field(description="1 (very dissatisfied) to 5 (very satisfied)")


class CircularOut(Schema):
    id: UUID
    reference: str | None = Field(description="Follow-up number, 1448/12; null until it is sent")
    kind: str = Field(
        description="circular | letter | telegram | memo | facts | direction | assignment"
    )
    state: str = Field(description="draft | review | returned | refused | sent | recalled")
    grade: str = Field(description="public | restricted | secret | top_secret")
    urgency: str
    wants: str = Field(description="acknowledge | answer | do")
    subject: str
    municipality: str | None = Field(description="Whose letter it is; null: the authority's")
    sent_at: datetime | None
    due_at: datetime | None
    recipients: int = Field(description="How many get it, copies not counted")
    done: int = Field(description="How many of them have done what it wants")


class CircularWhole(CircularOut):
    text: str = Field(description="Empty for a reader of what was recalled")
    stages: dict[str, int] | None = Field(
        description="How many are done, read, delivered …; null where the reader may not see it"
    )


class CircularPage(Schema):
    items: list[CircularOut]
    next_cursor: str | None


class VotesOut(Schema):
    answer: str
    count: int


class PollOut(Schema):
    id: UUID
    question: str
    state: str = Field(description="draft | open | closed | cancelled")
    municipality: str | None = Field(description="Who asks; null: the authority")
    secret: bool
    sent_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None
    asked: int
    voted: int
    needed: int | None = Field(description="How many must vote; null without a quorum")
    quorum_reached: bool
    votes: list[VotesOut] = Field(
        description="Empty while a secret poll runs, or where too few have voted in it"
    )


class PollWhole(PollOut):
    asked_me: bool
    my_answer: str | None = Field(description="The member's own vote; never of a secret poll")


class MeetingOut(Schema):
    id: UUID
    title: str
    kind: str = Field(description="single | periodic")
    state: str = Field(description="draft | called | cancelled")
    municipality: str | None = Field(description="Who holds it; null: the authority")
    starts_at: datetime
    minutes_long: int
    place: str | None
    link: str | None
    minutes: str | None = Field(description="review | returned | approved; null: not written yet")


class DecisionOut(Schema):
    id: UUID
    text: str
    due_at: datetime
    municipality: str | None
    task_state: str | None = Field(description="Null until the minutes are approved")


class MeetingWhole(MeetingOut):
    agenda: list[str]
    invited: int
    answers: dict[str, int] = Field(description="How many come, are excused, send somebody")
    my_answer: str | None
    decisions: list[DecisionOut] = Field(description="Empty where the minutes are not to be read")


class PollPage(Schema):
    items: list[PollOut]
    next_cursor: str | None


class MeetingPage(Schema):
    items: list[MeetingOut]
    next_cursor: str | None


class ConversationPage(Schema):
    items: list[ConversationOut]
    next_cursor: str | None


class MessagePage(Schema):
    items: list[MessageOut]
    next_cursor: str | None


class CasePage(Schema):
    items: list[CaseOut]
    next_cursor: str | None


class Paging(Schema):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None

    @property
    def after(self) -> Cursor | None:
        return Cursor.read(self.cursor) if self.cursor else None


class ConversationFilter(Paging):
    state: str | None = Field(None, pattern="^(open|closed)$")
    municipality: str | None = None


class MessageFilter(Paging):
    conversation_id: UUID | None = None
    case_id: UUID | None = None
    direction: str | None = Field(None, pattern="^(in|out)$")


class CaseFilter(Paging):
    state: str | None = Field(None, pattern="^(open|closed)$")
    municipality: str | None = None
    reference: str | None = None


class CircularFilter(Paging):
    state: str | None = Field(None, pattern="^(draft|review|returned|refused|sent|recalled)$")
    kind: str | None = None


class PollFilter(Paging):
    state: str | None = Field(None, pattern="^(draft|open|closed|cancelled)$")


class MeetingFilter(Paging):
    state: str | None = Field(None, pattern="^(draft|called|cancelled)$")


class ReplyIn(Schema):
    text: str = Field(min_length=1, max_length=4000)


class AssignIn(Schema):
    municipality: str
    reason: str = Field(
        "", max_length=200, description="Why it goes there; wanted from one municipality to another"
    )


class CloseIn(Schema):
    outcome: str
    text: str = Field("", max_length=3000, description="The closing message to the person")
    excuse: str = Field(
        "", description="Put right without a picture: inside, confirmed, gone, other"
    )
    why: str = Field(
        "", description="not_reachable, where nothing could be done since nobody answered"
    )
    reason: str = Field("", max_length=300, description="The words of the excuse")
    place: str = Field("", max_length=200, description="Where it is, if nobody knew yet")


ERRORS = {401: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem}


@router.get("/conversations", response={200: ConversationPage} | ERRORS)
def conversations(
    request: StaffRequest, filters: Annotated[ConversationFilter, Query(...)]
) -> dict[str, Any]:
    """Conversations, the one with the latest message first."""
    may(request, "read", "conversations.read")
    return selectors.conversations(
        state=filters.state,
        municipality=filters.municipality,
        limit=filters.limit,
        after=filters.after,
    )


@router.get("/conversations/{conversation_id}", response={200: ConversationOut} | ERRORS)
def conversation(request: StaffRequest, conversation_id: UUID) -> dict[str, Any]:
    """One conversation."""
    may(request, "read", "conversations.read")
    row = get_object_or_404(
        Conversation.objects.select_related("node", "contact"), public_id=conversation_id
    )
    return selectors.conversation_out(row)


@router.get("/messages", response={200: MessagePage} | ERRORS)
def messages(
    request: StaffRequest, filters: Annotated[MessageFilter, Query(...)]
) -> dict[str, Any]:
    """Messages in both directions, newest first."""
    may(request, "read", "conversations.read")
    return selectors.messages(
        conversation_id=filters.conversation_id,
        case_id=filters.case_id,
        direction=filters.direction,
        limit=filters.limit,
        after=filters.after,
    )


@router.get("/messages/{message_id}", response={200: MessageOut} | ERRORS)
def message(request: StaffRequest, message_id: UUID) -> dict[str, Any]:
    """One message; poll it to see what became of it."""
    may(request, "read", "conversations.read")
    return selectors.message(message_id)


@router.post("/conversations/{conversation_id}/messages", response={201: MessageOut} | ERRORS)
def reply(request: StaffRequest, conversation_id: UUID, body: ReplyIn) -> Status[dict[str, Any]]:
    """Answer the person in the body's name; sent as soon as the channel lets it."""
    may(request, "write", "conversations.reply")
    row = get_object_or_404(Conversation.objects.select_related("node"), public_id=conversation_id)
    request.access.require("conversations.reply", row.node)
    sent = inbox.reply(conversation_id, body.text, by=request.user, now=timezone.now())
    return Status(HTTPStatus.CREATED, selectors.message(sent.public_id))


@router.get("/cases", response={200: CasePage} | ERRORS)
def list_cases(request: StaffRequest, filters: Annotated[CaseFilter, Query(...)]) -> dict[str, Any]:
    """Cases, the latest opened first."""
    may(request, "read", "cases.read")
    return selectors.cases(
        state=filters.state,
        municipality=filters.municipality,
        reference=filters.reference,
        limit=filters.limit,
        after=filters.after,
    )


@router.get("/cases/{case_id}", response={200: CaseOut} | ERRORS)
def case(request: StaffRequest, case_id: UUID) -> dict[str, Any]:
    """One case."""
    may(request, "read", "cases.read")
    return selectors.case_out(_case(case_id))


@router.post("/cases/{case_id}/assign", response={200: CaseOut} | ERRORS)
def assign(request: StaffRequest, case_id: UUID, body: AssignIn) -> dict[str, Any]:
    """Give a case to the municipality in charge."""
    may(request, "write", "cases.assign")
    request.access.require("cases.assign", _case(case_id).node)
    to = get_object_or_404(Node.objects.municipalities(), key=body.municipality)
    # Who does not see that body cannot give it anything: the desk hands cases over.
    request.access.require("cases.assign", to)
    cases.assign_case(case_id, to=to, by=request.user, now=timezone.now(), remark=body.reason)
    return selectors.case_out(_case(case_id))


@router.post("/cases/{case_id}/close", response={200: CaseOut} | ERRORS)
def close(request: StaffRequest, case_id: UUID, body: CloseIn) -> dict[str, Any]:
    """Close a case with its outcome, tell the person and ask how content they are."""
    may(request, "write", "cases.close")
    request.access.require("cases.close", _case(case_id).node)
    cases.close_case(
        case_id,
        outcome=body.outcome,
        words=body.text,
        by=request.user,
        now=timezone.now(),
        basis=cases.Basis(excuse=body.excuse, why=body.why, words=body.reason),
        place=body.place,
    )
    return selectors.case_out(_case(case_id))


@router.get("/circulars", response={200: CircularPage} | ERRORS)
def list_circulars(
    request: StaffRequest, filters: Annotated[CircularFilter, Query(...)]
) -> dict[str, Any]:
    """Circulars and letters that the token's member sees, the latest changed first."""
    may(request, "read", "work.do")
    return selectors.circulars(
        request.access,
        state=filters.state,
        kind=filters.kind,
        limit=filters.limit,
        after=filters.after,
    )


@router.get("/circulars/{circular_id}", response={200: CircularWhole} | ERRORS)
def circular(request: StaffRequest, circular_id: UUID) -> dict[str, Any]:
    """One of them with its text; that it was opened is noted, as on the page."""
    may(request, "read", "work.do")
    found = get_object_or_404(Letter.objects.select_related("node"), public_id=circular_id)
    now = timezone.now()
    if found.sent_at:
        letters.look(found, Look.What.PAGE, by=request.user, now=now)
    return selectors.circular(found, request.access, now=now)


@router.get("/polls", response={200: PollPage} | ERRORS)
def list_polls(request: StaffRequest, filters: Annotated[PollFilter, Query(...)]) -> dict[str, Any]:
    """Polls that the token's member sees, the latest changed first."""
    may(request, "read", "work.do")
    return selectors.polls(
        request.access, state=filters.state, limit=filters.limit, after=filters.after
    )


@router.get("/polls/{poll_id}", response={200: PollWhole} | ERRORS)
def poll(request: StaffRequest, poll_id: UUID) -> dict[str, Any]:
    """One poll as it stands, and the member's own vote."""
    may(request, "read", "work.do")
    return selectors.poll(poll_id, request.access)


@router.get("/meetings", response={200: MeetingPage} | ERRORS)
def list_meetings(
    request: StaffRequest, filters: Annotated[MeetingFilter, Query(...)]
) -> dict[str, Any]:
    """Meetings that the token's member sees, the one that begins last first."""
    may(request, "read", "work.do")
    return selectors.meetings(
        request.access, state=filters.state, limit=filters.limit, after=filters.after
    )


@router.get("/meetings/{meeting_id}", response={200: MeetingWhole} | ERRORS)
def meeting(request: StaffRequest, meeting_id: UUID) -> dict[str, Any]:
    """One meeting with its agenda, its answers and what was decided."""
    may(request, "read", "work.do")
    return selectors.meeting(meeting_id, request.access)


def may(request: StaffRequest, scope: str, permission: str) -> None:
    """Refuse a token without the scope, or a member without the permission anywhere.

    :raises PermissionDenied: becomes a 403 problem
    """
    scopes: frozenset[str] = request.api_scopes  # type: ignore[attr-defined]
    if scope not in scopes:
        raise PermissionDenied(_("This token lacks the scope '%(scope)s'.") % {"scope": scope})
    if not request.access.may(permission):
        raise PermissionDenied(_("The role of this token's member does not allow this."))


def _case(case_id: UUID) -> Case:
    return get_object_or_404(
        Case.objects.select_related("node", "contact", "conversation"), public_id=case_id
    )
