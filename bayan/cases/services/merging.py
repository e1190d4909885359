"""Two contacts who are one person, and one contact who turns out to be two persons; both with undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.services.handling import name_matters_of
from bayan.cases.services.taking_in import join_contacts
from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, Member
from bayan.people.permissions import Access

MERGED, CONTACT_SPLIT = "contacts.merged", "contacts.split"


class SameContact(DomainError):
    pass


class NotAllTheirs(DomainError):
    pass


@transaction.atomic
def merge_contacts(other: Contact, *, into: Contact, by: Member, now: datetime) -> inbox.Done:
    """Let two contacts be one person: conversations, cases, wishes, notes and identities become `into`'s.

    :raises SameContact: it is one contact already
    :raises NotAllTheirs: one of them also writes to a body that this member does not answer for
    """
    if other.pk == into.pk:
        raise SameContact(_("This is the same contact. Choose another one."))
    # A contact belongs to no body, so no member's eyes see all that hangs on it.
    with as_worker():
        _check(other, into, by=by, now=now)
        people.lock_contacts(other, into)
        facts = {
            "other": people.facts_of_contact(other),
            "into": people.facts_of_contact(into),
            "conversations": inbox.facts_of_contacts(other, into),
            "cases": list(
                Case.objects.filter(contact__in=[other, into]).values_list(
                    "pk", "contact_id", "conversation_id"
                )
            ),
            "outgoing": list(Outgoing.objects.filter(contact=other).values_list("pk", flat=True)),
        }
        channels.follow_contact(other, into=into, old_name="", new_phone="", new_whatsapp_id="")
        join_contacts(other, into=into)
        key = str(other.public_id)
        people.absorb_contact(other, into=into, now=now, by=by)
        _note("contact.took_over", into, by=by, now=now, other_contact=key)
        return inbox.Done(1, undo.remember(MERGED, facts, member_id=by.pk, now=now))


def undo_merge_contacts(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Make two persons of them again, each with what they had; what came since stays with the one."""
    with as_worker():
        into = Contact.objects.select_for_update().get(pk=facts["into"]["id"])
        people.lock_contacts(into)
        other = people.bring_back_contact(facts["other"], facts["into"], by=by, now=now)
        channels.give_back(facts["outgoing"], to=other)
        nodes = inbox.part(facts["conversations"])
        rows = {pk: (contact, conversation) for pk, contact, conversation in facts["cases"]}
        cases = list(Case.objects.filter(pk__in=rows).order_by("pk").select_for_update())
        for case in cases:
            case.contact_id, conversation = rows[case.pk]
            if conversation in nodes:
                case.conversation_id, case.node_id = conversation, nodes[conversation]
        Case.objects.bulk_update(cases, ["contact", "conversation", "node"])
        # What was opened in between belongs to whoever has its conversation now.
        Case.objects.filter(conversation__contact=other, contact=into).update(contact=other)
        name_matters_of(set(nodes), contacts={other.pk, into.pk})
        live.announce((case.node_id, "case", case.public_id) for case in cases)


@transaction.atomic
def split_contact(
    contact: Contact, identities: Iterable[int], *, by: Member, now: datetime
) -> tuple[Contact, UUID]:
    """Let some identities of a contact be another person's from now on; returns that, and how it is undone.

    A message does not say through which identity it came: what was written until now stays here.

    :raises NothingLeft: none was chosen, or none would stay
    :raises NotAllTheirs: the contact also writes to a body that this member does not answer for
    """
    with as_worker():
        _check(contact, by=by, now=now)
        people.lock_contacts(contact)
        own = people.split_identities(contact, identities, by=by, now=now)
        facts = {
            "contact": contact.pk,
            "own": own.pk,
            "wishes": list(own.opt_outs.values_list("pk", flat=True)),
        }
        return own, undo.remember(CONTACT_SPLIT, facts, member_id=by.pk, now=now)


def undo_split_contact(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Make one contact of the two again, with what the new one has written since.

    :raises TooLate: one of them has become part of a third
    """
    with as_worker():
        rows = Contact.objects.filter(pk__in=[facts["contact"], facts["own"]])
        both = {row.pk: row for row in rows.order_by("pk").select_for_update()}
        if len(both) < 2:
            raise undo.TooLate(_("It is too late to undo this."))
        contact, own = both[facts["contact"]], both[facts["own"]]
        people.lock_contacts(contact, own)
        channels.follow_contact(own, into=contact, old_name="", new_phone="", new_whatsapp_id="")
        join_contacts(own, into=contact)
        people.take_back_split(own, into=contact, wishes=facts["wishes"], by=by, now=now)


def _check(*contacts: Contact, by: Member, now: datetime) -> None:
    """Refuse a member who does not answer for each body with which these contacts speak."""
    access = Access.of(by, now=now)
    bodies = Node.objects.filter(
        pk__in=Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).values(
            "conversations__node"
        )
    )
    if not all(access.may("contacts.manage", body) for body in bodies):
        raise NotAllTheirs(
            _(
                "This contact also writes to a body that you do not answer for. Ask the authority's "
                "desk, which sees all conversations, to do it."
            )
        )


def _note(action: str, contact: Contact, *, by: Member, now: datetime, **details: Any) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="contact",
            subject_key=str(contact.public_id),
            by=by,
            at=now,
            node_id=None,
            details=details,
        )
    )
