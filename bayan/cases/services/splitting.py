"""A second case made of one: chosen messages of the person become a matter of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case, Picture, Related
from bayan.cases.services import clocks
from bayan.cases.services.handling import Facts, name_matters_of
from bayan.cases.services.opening import open_by_hand
from bayan.cases.services.parts import (
    CaseAlreadyClosed,
    entry,
    fresh_references,
    locked,
    subject_of,
)
from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.work import services as work

SPLIT = "cases.split"
# So many of the person's messages are offered, the latest.
OFFERED = 50


class SubjectMissing(DomainError):
    pass


class NothingLeft(DomainError):
    pass


@dataclass(frozen=True)
class Split:
    """The second case, and the name under which it is undone."""

    case: Case
    undo: UUID


def messages_of(case: Case) -> list[Message]:
    """What the person wrote about a case since it was opened, oldest first; of much the latest."""
    rows = (
        Message.objects.filter(matter=case.reference, direction=Message.Direction.IN)
        .exclude(kind__in=inbox.TOUCHES)
        .select_related("media")
        .order_by("-received_at", "-pk")[:OFFERED]
    )
    return list(reversed(rows))


@transaction.atomic
def split_case(
    case_id: UUID,
    facts: Facts,
    *,
    messages: Collection[UUID],
    owner: Member | None,
    by: Member,
    now: datetime,
) -> Split:
    """Make a second case of what the person wrote, in the same conversation, with its own number and clocks.

    The chosen messages become the second one's; what speaks of both may stay with the first. Each timeline
    names the other, and the two are linked. The conversation is about the second one from then on.

    :raises CaseAlreadyClosed: the first one has ended; open it again, or open one by hand
    :raises SubjectMissing: neither words nor messages say what it is about
    :raises NothingLeft: every message was chosen
    :raises NotKnown: a label is none of ours
    """
    first = locked(case_id)
    if first.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    offered = messages_of(first)
    chosen = [message for message in offered if message.public_id in set(messages)]
    if chosen and len(chosen) == len(offered):
        raise NothingLeft(
            _(
                "Leave at least one message with the first case. One that speaks of both may stay there."
            )
        )
    words = "\n".join(filter(None, (message.text for message in chosen)))
    subject = " ".join((facts.subject or "").split()) or subject_of(words)
    if not subject:
        raise SubjectMissing(_("Write in a few words what the second case is about."))
    [reference] = fresh_references(1)
    case = Case(
        reference=reference,
        node=first.node,
        contact=first.contact,
        conversation=first.conversation,
        subject=subject[:140],
        source=Case.Source.SPLIT,
        owner=owner,
        opened_at=now,
    )
    open_by_hand(case, facts, words=words or subject, now=now)
    keys = [message.pk for message in chosen]
    inbox.file_under(keys, matter=reference)
    _hand_pictures(chosen, to=case)
    inbox.name_matters({first.conversation_id: reference})
    Related.objects.create(case=case, other=first, kind=Related.Kind.RELATED, by=by, at=now)
    clocks.start([case], now=now)
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(
        [
            entry("case.opened", case, by=label, now=now, channel=str(Case.Source.SPLIT)),
            entry("case.split_from", case, by=label, now=now, matter=first.reference),
            entry("case.split", first, by=label, now=now, matter=reference),
        ]
    )
    _announce(first, case)
    what = {"case": case.pk, "first": first.pk, "messages": keys}
    return Split(case, undo.remember(SPLIT, what, member_id=by.pk, now=now))


def undo_split(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """The two are one again, with what was written meanwhile; one that was closed by then stays."""
    cases = {
        case.pk: case
        for case in Case.objects.filter(pk__in=[facts["case"], facts["first"]])
        .select_related("node", "conversation")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    case, first = cases.get(facts["case"]), cases.get(facts["first"])
    if case is None or first is None or case.is_closed:
        raise undo.TooLate(_("It is too late to undo this."))
    theirs = Message.objects.filter(matter=case.reference).select_related("media")
    _hand_pictures(list(theirs), to=first)
    inbox.file_under([message.pk for message in theirs], matter=first.reference)
    work.withdraw_of((clocks.CASE, case.reference), by=by, now=now)
    clocks.end([case], now=now)
    _announce(first, case)
    # What triage and the worker keep of it goes with it; they alone may write there.
    with as_worker():
        case.delete()
    name_matters_of({first.conversation_id}, contacts=set())
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record(entry("case.split_undone", first, by=label, now=now))


@transaction.atomic
def turn_to(case_id: UUID, *, by: Member, now: datetime) -> Case:
    """Let the conversation be about this one of its open cases: what is written from now on belongs to it.

    :raises CaseAlreadyClosed: nothing is written about it any more
    """
    case = locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if case.conversation.matter != case.reference:
        inbox.name_matters({case.conversation_id: case.reference})
        case.conversation.matter = case.reference
        audit.record(entry("case.turned_to", case, by=by, now=now))
        _announce(case)
    return case


def _hand_pictures(messages: Collection[Message], *, to: Case) -> None:
    media = [message.media_id for message in messages if message.media_id]
    if media:
        # The worker compares them; a member writes none.
        with as_worker():
            Picture.objects.filter(media__in=media).update(case=to)


def _announce(*cases: Case) -> None:
    live.announce(
        pair
        for case in cases
        for pair in (
            (case.node_id, "case", case.public_id),
            (case.node_id, "conversation", case.conversation.public_id),
        )
    )
