"""Everything that changes contacts: who they are, and what they want no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from bayan.core import audit
from bayan.people.models import Contact, Identity, OptOut


@dataclass(frozen=True)
class Sender:
    """Somebody who wrote, as the channel names them; at least one of id and phone is known."""

    whatsapp_id: str = ""
    phone: str = ""
    name: str = ""

    @property
    def identities(self) -> list[tuple[str, str]]:
        """Their names in our register, the surest first."""
        known = [(Identity.Scheme.WHATSAPP, self.whatsapp_id), (Identity.Scheme.PHONE, self.phone)]
        return [(str(scheme), value) for scheme, value in known if value]


def lock_senders(senders: Iterable[Sender]) -> None:
    """Keep other workers from these people until the transaction ends.

    Two batches with one new person would otherwise make two contacts of them, and two cases.
    """
    # Both names of a person are locked: another batch may know them by the other one alone.
    names = sorted({f"{scheme}:{value}" for s in senders for scheme, value in s.identities})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(key)) FROM "
            "(SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(%s::text[]) AS name "
            " ORDER BY key) AS keys",
            [names],
        )


@transaction.atomic
def contacts_of(senders: Iterable[Sender], *, now: datetime) -> dict[Sender, Contact]:
    """The contact behind each sender; a new one for who never wrote before.

    The business-scoped id is looked up first, the phone second. Whoever is found by the phone gets
    the id added. Callers hold `lock_senders`.
    """
    senders = list(dict.fromkeys(senders))
    known = _known_identities(senders)
    # In the order of arrival, so that the same person twice in one batch is one contact.
    contacts: dict[Sender, Contact] = {}
    new_contacts: list[Contact] = []
    new_identities: list[Identity] = []
    changed: list[Contact] = []
    linked: list[tuple[Contact, str]] = []
    for sender in senders:
        contact = next(filter(None, map(known.get, sender.identities)), None)
        if contact is None:
            contact = Contact(name=sender.name[:200], created_at=now)
            new_contacts.append(contact)
        elif sender.name and not contact.name:
            contact.name = sender.name[:200]
            changed.append(contact)
        for scheme, value in sender.identities:
            if (scheme, value) not in known:
                known[scheme, value] = contact
                new_identities.append(
                    Identity(contact=contact, scheme=scheme, value=value, created_at=now)
                )
                if contact.pk:
                    linked.append((contact, scheme))
        contacts[sender] = contact
    Contact.objects.bulk_create(new_contacts)
    Contact.objects.bulk_update([c for c in changed if c not in new_contacts], ["name"])
    for identity in new_identities:
        identity.contact = identity.contact  # takes over the key that bulk_create has just given
    Identity.objects.bulk_create(new_identities)
    audit.record_all(
        audit.Entry(
            action="contact.identity_added",
            subject_type="contact",
            subject_key=str(contact.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=None,
            details={"scheme": scheme},
        )
        for contact, scheme in linked
    )
    return contacts


def _known_identities(senders: Sequence[Sender]) -> dict[tuple[str, str], Contact]:
    values = {value for sender in senders for _scheme, value in sender.identities}
    rows = Identity.objects.filter(value__in=values).select_related("contact")
    contacts: dict[int, Contact] = {}
    return {
        (row.scheme, row.value): contacts.setdefault(row.contact_id, row.contact) for row in rows
    }


@dataclass(frozen=True)
class Wish:
    """A person does not want, or wants again, what goes to many; the later wish counts."""

    contact: Contact
    wants: bool
    source: OptOut.Source
    at: datetime


def note_wishes(wishes: Iterable[Wish], *, now: datetime) -> set[int]:
    """Keep these wishes. Returns the ids of the contacts for whom that changed something.

    A wish that is older than what we know is only late. Callers hold `lock_senders`.
    """
    ordered = sorted(wishes, key=lambda wish: wish.at)
    if not ordered:
        return set()
    open_rows: dict[int, OptOut] = {}
    latest: dict[int, datetime] = {}
    for row in OptOut.objects.filter(contact__in={wish.contact.pk for wish in ordered}):
        if row.ended_at is None:
            open_rows[row.contact_id] = row
        said_at = row.ended_at or row.since_at
        latest[row.contact_id] = max(said_at, latest.get(row.contact_id, said_at))
    changed: set[int] = set()
    entries = []
    for wish in ordered:
        key = wish.contact.pk
        known = latest.get(key)
        if (known is not None and wish.at < known) or wish.wants != (key in open_rows):
            continue
        if wish.wants:
            row = open_rows.pop(key)
            row.ended_at = wish.at
            row.save(update_fields=["ended_at"])
        else:
            open_rows[key] = OptOut.objects.create(
                contact=wish.contact, source=wish.source, since_at=wish.at
            )
        latest[key] = wish.at
        changed.add(key)
        entries.append(
            audit.Entry(
                action="contact.opted_in" if wish.wants else "contact.opted_out",
                subject_type="contact",
                subject_key=str(wish.contact.public_id),
                by=wish.contact,
                at=now,
                node_id=None,
                details={"source": str(wish.source)},
            )
        )
    audit.record_all(entries)
    return changed


@transaction.atomic
def change_identity(
    *, old: str, new_phone: str, new_whatsapp_id: str, now: datetime, request_id: str = ""
) -> tuple[Contact, list[Contact]] | None:
    """Call the person who was known as `old` by their new number or id from now on.

    Returns the contact they are, and the other contacts who turn out to be the same person: whatever
    hangs on those is moved by the caller, who then lets `absorb_contact` end them. None when nobody
    is known by the old name (any more): there is nothing left to do.
    """
    news = [
        (str(scheme), value)
        for scheme, value in (
            (Identity.Scheme.WHATSAPP, new_whatsapp_id),
            (Identity.Scheme.PHONE, new_phone),
        )
        if value
    ]
    scheme = Identity.Scheme.PHONE if old.isdigit() else Identity.Scheme.WHATSAPP
    lock_senders(
        [
            Sender(whatsapp_id=new_whatsapp_id, phone=new_phone),
            Sender(phone=old) if scheme == Identity.Scheme.PHONE else Sender(whatsapp_id=old),
        ]
    )
    found = Identity.objects.select_related("contact").filter(scheme=scheme, value=old).first()
    if found is None:
        return None
    known = {
        (row.scheme, row.value): row.contact
        for row in Identity.objects.select_related("contact").filter(
            value__in=[value for _scheme, value in news]
        )
    }
    same = {found.contact.pk: found.contact}
    same |= {known[name].pk: known[name] for name in news if name in known}
    # Whoever has been known longest keeps their place.
    contact, *others = [same[key] for key in sorted(same)]
    missing = [name for name in news if name not in known]
    ended = [
        row.pk
        for row in found.contact.identities.all()
        if row.scheme in dict(news)
        and (row.scheme, row.value) not in news
        # Somebody may have two numbers: only the one that is named has changed.
        and (row.scheme != scheme or row.value == old)
    ]
    if not (missing or ended or others):
        return None
    Identity.objects.filter(pk__in=ended).delete()
    Identity.objects.filter(contact__in=others).update(contact=contact)
    Identity.objects.bulk_create(
        Identity(contact=contact, scheme=new_scheme, value=value, created_at=now)
        for new_scheme, value in missing
    )
    audit.record(
        audit.Entry(
            action="contact.identity_changed",
            subject_type="contact",
            subject_key=str(contact.public_id),
            by=contact,
            at=now,
            node_id=None,
            details={"new": sorted(dict(news))},
            request_id=request_id,
        )
    )
    return contact, others


@transaction.atomic
def absorb_contact(other: Contact, *, into: Contact, now: datetime, request_id: str = "") -> None:
    """End a contact who is the same person as another; what hung on it has been moved by the callers."""
    Identity.objects.filter(contact=other).update(contact=into)
    _join_opt_outs(other, into)
    if other.name and not into.name:
        into.name = other.name
        into.save(update_fields=["name"])
    audit.record(
        audit.Entry(
            action="contact.merged",
            subject_type="contact",
            subject_key=str(other.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=None,
            details={"into_contact": str(into.public_id)},
            request_id=request_id,
        )
    )
    other.delete()


def _join_opt_outs(other: Contact, into: Contact) -> None:
    """All that either said; what one of them stopped stays stopped, since the earlier moment."""
    rows = list(
        OptOut.objects.filter(contact__in=[other, into], ended_at=None).order_by("since_at")
    )
    for later in rows[1:]:
        later.ended_at = later.since_at
        later.save(update_fields=["ended_at"])
    OptOut.objects.filter(contact=other).update(contact=into)
