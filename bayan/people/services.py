"""Everything that changes members, tokens and contacts."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.models import ApiToken, Contact, Identity, Member, Role

SCOPES = ("read", "write")


class UnknownMember(DomainError):
    pass


class UnknownScope(DomainError):
    pass


class AddressTaken(DomainError):
    pass


@transaction.atomic
def create_member(
    *,
    email: str,
    name_ar: str,
    name_en: str = "",
    password: str | None,
    role: Role.Kind,
    node: Node,
    now: datetime,
    is_demo: bool = False,
) -> Member:
    """Make a member with one role. Without a password only a demo sign-in lets them in.

    :raises AddressTaken: another member has this e-mail address
    """
    if Member.objects.filter(email__iexact=email).exists():
        raise AddressTaken(_("%(email)s already belongs to a member.") % {"email": email})
    member = Member(email=email.lower(), name_ar=name_ar, name_en=name_en, is_demo=is_demo)
    member.set_password(password)
    member.save()
    Role.objects.create(member=member, kind=role, node=node, starts_at=now)
    audit.record(
        audit.Entry(
            action="member.created",
            subject_type="member",
            subject_key=str(member.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=node.pk,
            details={"role": role, "node": node.key},
        )
    )
    return member


@transaction.atomic
def create_token(*, email: str, scopes: Sequence[str], now: datetime) -> str:
    """A new API key for this member, shown this once: only its hash is kept.

    :raises UnknownMember: nobody active has this e-mail address
    :raises UnknownScope: a scope is not one of `SCOPES`
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UnknownScope(
            _("Unknown scope: %(scope)s. Choose from: %(known)s.")
            % {"scope": ", ".join(unknown) or "—", "known": ", ".join(SCOPES)}
        )
    member = Member.objects.filter(email__iexact=email, is_active=True).first()
    if member is None:
        raise UnknownMember(_("No active member has the address %(email)s.") % {"email": email})
    secret = f"bayan_{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(
        member=member,
        hash=hashlib.sha256(secret.encode()).digest(),
        scopes=sorted(set(scopes)),
        created_at=now,
    )
    audit.record(
        audit.Entry(
            action="token.created",
            subject_type="member",
            subject_key=str(member.public_id),
            by=audit.SYSTEM,
            at=now,
            node_id=None,
            details={"scopes": sorted(set(scopes))},
        )
    )
    return secret


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
