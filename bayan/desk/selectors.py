"""What the staff's own pages show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    Exists,
    IntegerField,
    Max,
    OuterRef,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from bayan.cases.models import Case
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, Page, as_page, beginning, page_of
from bayan.core.queries import Prepared
from bayan.core.rls import as_worker
from bayan.inbox import selectors as inbox
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Contact, ContactNote, Identity, OptOut

PAGE = 50
MOST_SHOWN = 50


def contacts(
    words: str, *, after: Cursor | None, but: Contact | None = None
) -> tuple[Page[Contact], bool]:
    """The contacts that the member sees, the newest first, or those that these words find.

    The second value is true when nothing is written so, but these names are like it.
    """
    if not words and but is None and after is None:
        return as_page(_first_page().rows(), "created_at", PAGE), False
    rows = Contact.objects.all()
    is_near = False
    if words:
        found = inbox.look_for(words)
        is_near = found.is_near
        keys = set(found.contacts)
        if not any(character.isalpha() for character in words):
            # A number that is no phone may be that of a case.
            by_matter = Conversation.objects.filter(pk__in=found.conversations)
            keys |= set(by_matter.values_list("contact_id", flat=True))
        rows = rows.filter(pk__any_of=keys)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    return page_of(_shown(rows), newest="created_at", after=after, limit=PAGE), is_near


def _shown(rows: QuerySet[Contact]) -> QuerySet[Contact]:
    """These contacts with all that a row shows, of what the member may see."""
    theirs = Conversation.objects.filter(contact=OuterRef("pk")).order_by()
    open_cases = Case.objects.open().filter(contact=OuterRef("pk")).order_by()
    return rows.annotate(
        last_at=Subquery(theirs.values("contact").annotate(at=Max("last_message_at")).values("at")),
        open_cases=Coalesce(
            Subquery(
                open_cases.values("contact").annotate(count=Count("pk")).values("count"),
                output_field=IntegerField(),
            ),
            0,
        ),
        has_opted_out=Exists(OptOut.objects.filter(contact=OuterRef("pk"), ended_at=None)),
        phones=ArraySubquery(
            Identity.objects.filter(contact=OuterRef("pk"), scheme="phone")
            .order_by("pk")
            .values("value")
        ),
        bodies=ArraySubquery(theirs.order_by("pk").values("node_id")),
    )


@cache
def _first_page() -> Prepared[Contact]:
    """The first page of all contacts."""
    return Prepared(
        lambda: beginning(_shown(Contact.objects.all()), newest="created_at", limit=PAGE)
    )


@dataclass(frozen=True)
class Wish:
    """One line of the ledger: a person stopped, or resumed, what goes to many."""

    wants: bool
    at: datetime
    source: str


@dataclass(frozen=True)
class Portrait:
    """All that a member may see of one contact."""

    contact: Contact
    identities: list[Identity]
    has_opted_out: bool
    wishes: list[Wish]
    notes: list[ContactNote]
    conversations: list[Conversation]
    cases: list[Case]
    # Of whose identity they were made; None once they have written.
    made_of: Contact | None
    history: list[people.Line]

    @property
    def bodies(self) -> list[Node]:
        return list({row.node_id: row.node for row in self.conversations}.values())


def portrait_of(contact: Contact) -> Portrait:
    """The contact's page: who they are, what they wish, what there is of them."""
    wishes = []
    for row in contact.opt_outs.order_by("-since_at", "-pk"):
        # What ended as it began was joined with another's: the same wish, said once.
        if row.ended_at and row.ended_at != row.since_at:
            wishes.append(Wish(True, row.ended_at, row.get_ended_source_display()))
        wishes.append(Wish(False, row.since_at, row.get_source_display()))
    conversations = contact.conversations.select_related("node", "number", "assignee")
    cases = contact.cases.select_related("node", "conversation")
    return Portrait(
        contact=contact,
        identities=list(contact.identities.order_by("scheme", "pk")),
        has_opted_out=contact.opt_outs.filter(ended_at=None).exists(),
        wishes=wishes,
        notes=list(contact.notes.select_related("author").order_by("-created_at", "-pk")),
        conversations=list(conversations.order_by("-last_message_at", "-pk")[:MOST_SHOWN]),
        cases=list(cases.order_by("-opened_at", "-pk")[:MOST_SHOWN]),
        made_of=Contact.objects.filter(pk=contact.split_from_id).first()
        if contact.split_from_id
        else None,
        history=people.in_words(_history_of(contact)),
    )


def _history_of(contact: Contact) -> list[AuditEntry]:
    # Lines about a contact belong to no body, so no member's policy shows them. The member has found this
    # contact with their own eyes; these lines hold no personal values and name no body.
    with as_worker():
        rows = AuditEntry.objects.filter(subject_type="contact", subject_key=str(contact.public_id))
        return list(rows.order_by("-pk")[:MOST_SHOWN])
