"""What the changes of a case have in common: what refuses them, locking, and telling of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from bayan.cases.due import due_at
from bayan.cases.models import Case
from bayan.channels.events import IncomingMessage
from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.core.references import new_reference
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people import services as people
from bayan.people.models import Contact, Member


class CaseAlreadyClosed(DomainError):
    pass


class AlreadyThere(DomainError):
    pass


class OutcomeMissing(DomainError):
    pass


class ReasonMissing(DomainError):
    pass


class NotKnown(DomainError):
    pass


class StepNotPossible(DomainError):
    pass


def due(case: Case) -> datetime:
    """By when it is due, counted from when it was opened, last."""
    since = max(filter(None, [case.opened_at, case.reopened_at]))
    return due_at(
        kind=case.kind,
        category=case.category,
        priority=case.priority,
        since=since,
        of=case.node_id,
    )


def lock_all(rows: QuerySet[Case]) -> list[Case]:
    # Always in one order, so that two members never wait for each other.
    return list(rows.select_related("node", "owner").order_by("pk").select_for_update(of=("self",)))


def done(
    changed: Sequence[Case], action: str, facts: Mapping[str, Any], *, by: Member, now: datetime
) -> inbox.Done:
    if not changed:
        return inbox.Done(0)
    return inbox.Done(len(changed), undo.remember(action, facts, member_id=by.pk, now=now))


def entry(
    action: str, case: Case, *, by: audit.Actor, now: datetime, request_id: str = "", **details: Any
) -> audit.Entry:
    return audit.Entry(
        action=action,
        subject_type="case",
        subject_key=case.reference,
        by=by,
        at=now,
        node_id=case.node_id,
        details=details,
        request_id=request_id,
    )


def tell(action: str, cases: Sequence[Case], *, by: Member, now: datetime, **details: Any) -> None:
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(entry(action, case, by=label, now=now, **details) for case in cases)
    live.announce((case.node_id, "case", case.public_id) for case in cases)


def locked(case_id: UUID) -> Case:
    # The conversation first, as the worker does: two orders would wait for each other.
    Conversation.objects.select_for_update().filter(cases__public_id=case_id).first()
    return (
        Case.objects.select_for_update(of=("self",))
        .select_related(
            "node", "conversation__node", "conversation__number__account", "conversation__contact"
        )
        .get(public_id=case_id)
    )


def contacts_of(messages: Sequence[IncomingMessage], *, now: datetime) -> dict[str, Contact]:
    """The contact behind each message, by the message's id; their rows stay ours until the commit."""
    senders = {
        m.external_id: people.Sender(
            whatsapp_id=m.whatsapp_id, phone=m.phone, name=m.name, email=m.email
        )
        for m in messages
    }
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    return {external_id: contacts[sender] for external_id, sender in senders.items()}


def subject_of(text: str) -> str:
    """The first line of what the person wrote; a member may write a better one."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return next(filter(None, lines), "")[:140]


def fresh_references(count: int) -> list[str]:
    """Numbers that no case has yet. The table's constraint guards against the rest of chance."""
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn |= {new_reference() for _draw in range(count - len(drawn))}
        drawn -= set(Case.objects.filter(reference__in=drawn).values_list("reference", flat=True))
    return list(drawn)
