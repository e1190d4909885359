"""Everything that changes contacts: who they are, and what they want no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.people import selectors as people
from bayan.people.models import Contact, ContactNote, Identity, Member, OptOut


@dataclass(frozen=True)
class Sender:
    """Somebody who wrote, as the channel names them; at least one of id, phone and address is known."""

    whatsapp_id: str = ""
    phone: str = ""
    name: str = ""
    email: str = ""

    @property
    def identities(self) -> list[tuple[str, str]]:
        """Their names in our register, the surest first."""
        known = [
            (Identity.Scheme.WHATSAPP, self.whatsapp_id),
            (Identity.Scheme.PHONE, self.phone),
            (Identity.Scheme.EMAIL, self.email),
        ]
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
            name = sender.name[:200]
            contact = Contact(name=name, channel_name=name, created_at=now)
            new_contacts.append(contact)
        elif sender.name and not contact.name:
            contact.name = contact.channel_name = sender.name[:200]
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
    Contact.objects.bulk_update(
        [c for c in changed if c not in new_contacts], ["name", "channel_name"]
    )
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


def note_languages(written: Iterable[tuple[Contact, str]]) -> None:
    """Keep in which language these people write, the latest last; what Bayan writes by itself follows it.

    Callers hold `lock_senders`.
    """
    changed: dict[int, Contact] = {}
    for contact, language in written:
        if contact.language != language:
            contact.language = language
            changed[contact.pk] = contact
    if changed:
        Contact.objects.bulk_update(changed.values(), ["language"])


def see_by_their_own(contacts: Iterable[Contact]) -> None:
    """Whoever writes is seen by those to whom they write, and not with the contact they were taken out of."""
    split_off = [contact for contact in contacts if contact.split_from_id]
    for contact in split_off:
        contact.split_from = None
    if split_off:
        Contact.objects.bulk_update(split_off, ["split_from"])


def new_contact(*, now: datetime, name: str = "") -> Contact:
    """Somebody of whom nothing, or only a name, is known yet: their words came through another."""
    name = name[:200]
    return Contact.objects.create(name=name, channel_name=name, created_at=now)


def _known_identities(senders: Sequence[Sender]) -> dict[tuple[str, str], Contact]:
    values = {value for sender in senders for _scheme, value in sender.identities}
    rows = list(
        Identity.objects.filter(value__in=values).values_list("scheme", "value", "contact_id")
    )
    # Most have two identities: read beside them, each contact would be read twice.
    contacts = Contact.objects.in_bulk({contact_id for _scheme, _value, contact_id in rows})
    return {(scheme, value): contacts[contact_id] for scheme, value, contact_id in rows}


@dataclass(frozen=True)
class Wish:
    """A person does not want, or wants again, what goes to many; the later wish counts."""

    contact: Contact
    wants: bool
    source: OptOut.Source
    at: datetime


def note_wishes(
    wishes: Iterable[Wish], *, now: datetime, by: audit.Actor | None = None
) -> set[int]:
    """Keep these wishes. Returns the ids of the contacts for whom that changed something.

    A wish that is older than what we know is only late; `by` is the member who was told.
    Callers hold `lock_senders`.
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
            row.ended_at, row.ended_source = wish.at, wish.source
            row.save(update_fields=["ended_at", "ended_source"])
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
                by=by or wish.contact,
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
def absorb_contact(
    other: Contact,
    *,
    into: Contact,
    now: datetime,
    request_id: str = "",
    by: audit.Actor = audit.SYSTEM,
) -> None:
    """End a contact who is the same person as another; what hung on it has been moved by the callers."""
    Identity.objects.filter(contact=other).update(contact=into)
    _join_opt_outs(other, into)
    ContactNote.objects.filter(contact=other).update(contact=into)
    Contact.objects.filter(split_from=other).exclude(pk=into.pk).update(split_from=into)
    if other.name and not into.name:
        into.name, into.channel_name = other.name, other.channel_name
        into.save(update_fields=["name", "channel_name"])
    see_by_their_own([into])
    audit.record(
        audit.Entry(
            action="contact.merged",
            subject_type="contact",
            subject_key=str(other.public_id),
            by=by,
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


# What members do with a contact. The web's role may read the contacts that its member sees and change none:
# the caller has found the contact with the member's eyes, and the change itself is made in the worker's role.


class NoteEmpty(DomainError):
    pass


class NotTheAuthor(DomainError):
    pass


class NothingLeft(DomainError):
    pass


def rename_contact(contact: Contact, name: str, *, by: Member, now: datetime) -> None:
    """Call a contact so; without a name, as the channel does."""
    name = " ".join(name.split())[:200] or contact.channel_name
    if name == contact.name:
        return
    contact.name = name
    with as_worker():
        contact.save(update_fields=["name"])
        _note("contact.renamed", contact, by=by, now=now)


def hear_wish(contact: Contact, *, wants: bool, by: Member, now: datetime) -> bool:
    """Keep what a person told a member about messages that go to many. False when we knew it already."""
    with as_worker():
        lock_contacts(contact)
        wish = Wish(contact=contact, wants=wants, source=OptOut.Source.TOLD, at=now)
        return bool(note_wishes([wish], now=now, by=by))


@transaction.atomic
def write_contact_note(contact: Contact, text: str, *, by: Member, now: datetime) -> ContactNote:
    """Write something down of a person.

    :raises NoteEmpty: nothing was written
    """
    text = text.strip()[:2000]
    if not text:
        raise NoteEmpty(_("Write the note first."))
    note = ContactNote.objects.create(contact=contact, author=by, text=text, created_at=now)
    _note("contact.note_written", contact, by=by, now=now)
    return note


@transaction.atomic
def delete_contact_note(note: ContactNote, *, by: Member, now: datetime) -> None:
    """Take a note away again.

    :raises NotTheAuthor: somebody else wrote it
    """
    if note.author_id != by.pk:
        raise NotTheAuthor(_("Only who wrote a note deletes it."))
    contact = note.contact
    note.delete()
    _note("contact.note_deleted", contact, by=by, now=now)


def lock_contacts(*contacts: Contact) -> None:
    """Keep other workers from these contacts until the transaction ends, as `lock_senders` does."""
    named = Identity.objects.filter(contact__in=contacts).values_list("scheme", "value")
    lock_senders(_sender_named(scheme, value) for scheme, value in named)


def facts_of_contact(contact: Contact) -> dict[str, Any]:
    """What `bring_back_contact` needs of a contact that another takes over, as JSON takes it."""
    return {
        "id": contact.pk,
        "public_id": str(contact.public_id),
        "name": contact.name,
        "channel_name": contact.channel_name,
        "created_at": contact.created_at.isoformat(),
        "language": contact.language,
        "split_from": contact.split_from_id,
        "identities": list(contact.identities.values_list("pk", flat=True)),
        "notes": list(contact.notes.values_list("pk", flat=True)),
        "opt_outs": list(contact.opt_outs.values_list("pk", flat=True)),
        "opted_out": contact.opt_outs.filter(ended_at=None).values_list("pk", flat=True).first(),
    }


def bring_back_contact(
    other: Mapping[str, Any], into: Mapping[str, Any], *, by: Member, now: datetime
) -> Contact:
    """Make two contacts of one again, each with what it had; what came since stays with `into`."""
    contact = Contact.objects.create(
        pk=other["id"],
        public_id=other["public_id"],
        name=other["name"],
        channel_name=other["channel_name"],
        created_at=datetime.fromisoformat(other["created_at"]),
        language=other["language"],
        split_from=Contact.objects.filter(pk=other["split_from"]).first(),
    )
    held = {"contact": into["id"]}
    Identity.objects.filter(pk__in=other["identities"], **held).update(contact=contact)
    ContactNote.objects.filter(pk__in=other["notes"], **held).update(contact=contact)
    OptOut.objects.filter(pk__in=other["opt_outs"], **held).update(contact=contact)
    for facts in (other, into):
        if facts["opted_out"] is None:
            continue
        # Only what the joining itself had ended; who has said something else since is heard.
        ended = OptOut.objects.filter(
            pk=facts["opted_out"], ended_at=F("since_at"), ended_source=""
        )
        if not OptOut.objects.filter(contact=facts["id"], ended_at=None).exists():
            ended.update(ended_at=None)
    took = Contact.objects.get(pk=into["id"])
    if not into["name"] and took.name == other["name"]:
        took.name, took.channel_name = into["name"], into["channel_name"]
        took.save(update_fields=["name", "channel_name"])
    _note("contact.merge_undone", took, by=by, now=now)
    _note("contact.merge_undone", contact, by=by, now=now)
    return contact


def split_identities(
    contact: Contact, identities: Iterable[int], *, by: Member, now: datetime
) -> Contact:
    """Let these identities of a contact be another person's, a contact of their own from now on.

    Whoever wants no messages that go to many is not written to by mistake: both do not, until they say.

    :raises NothingLeft: none was chosen, or none would stay
    """
    held = {row.pk: row for row in contact.identities.all()}
    chosen = [held[key] for key in identities if key in held]
    if not chosen or len(chosen) == len(held):
        raise NothingLeft(
            _("Choose what belongs to the other person; at least one must stay here.")
        )
    own = Contact.objects.create(created_at=now, language=contact.language, split_from=contact)
    Identity.objects.filter(pk__in=[row.pk for row in chosen]).update(contact=own)
    for row in OptOut.objects.filter(contact=contact, ended_at=None):
        OptOut.objects.create(contact=own, source=row.source, since_at=row.since_at)
    schemes = sorted({row.scheme for row in chosen})
    _note("contact.split", contact, by=by, now=now, new=schemes)
    _note("contact.split_off", own, by=by, now=now, from_contact=str(contact.public_id))
    return own


def take_back_split(
    own: Contact, *, into: Contact, wishes: Sequence[int], by: Member, now: datetime
) -> None:
    """Let who was made of a contact's identities be part of it again; see `absorb_contact`.

    `wishes`: what was said of them only because the other had said it.
    """
    OptOut.objects.filter(pk__in=wishes, contact=own, ended_at=None).delete()
    absorb_contact(own, into=into, now=now, by=by)
    _note("contact.split_undone", into, by=by, now=now)


def _note(action: str, contact: Contact, *, by: audit.Actor, now: datetime, **details: Any) -> None:
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


def _sender_named(scheme: str, value: str) -> Sender:
    """Somebody as they are known by this one name."""
    if scheme == Identity.Scheme.PHONE:
        return Sender(phone=value)
    if scheme == Identity.Scheme.EMAIL:
        return Sender(email=value)
    return Sender(whatsapp_id=value)


@transaction.atomic
def forget_contacts(keys: Iterable[int]) -> int:
    """Forget who these were: names, numbers, addresses, what was written down of them; how many that were.

    To be called as the worker, once nothing that they said is left. Who works here is passed over.
    """
    found = list(Contact.objects.select_for_update().filter(pk__in=list(keys)))
    ours = people.linked_members(found)
    gone = [contact.pk for contact in found if contact.pk not in ours]
    Identity.objects.filter(contact__in=gone).delete()
    ContactNote.objects.filter(contact__in=gone).delete()
    return Contact.objects.filter(pk__in=gone).update(name="", channel_name="")
