"""Reading cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q

from bayan.cases.models import Case, CaseQuerySet
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, Page, counts_of, page_of
from bayan.core.references import digits_in
from bayan.inbox.models import Conversation
from bayan.inbox.selectors import Found
from bayan.people.models import Member


def latest_of(conversation: Conversation) -> Case | None:
    """The case that a conversation's panel shows: the open one, else the one closed last."""
    return (
        Case.objects.filter(conversation=conversation)
        .select_related("node", "closed_by", "conversation", "contact", "owner")
        .order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk")
        .first()
    )


def timeline_of(case: Case) -> list[AuditEntry]:
    """What happened to a case, oldest first; its messages stand in the conversation beside it."""
    entries = AuditEntry.objects.filter(subject_type="case", subject_key=case.reference)
    return list(entries.filter(action__startswith="case.").order_by("pk"))


VIEWS = ("open", "mine", "late", "waits", "closed", "all")
PAGE = 50
WAITS = (Case.Stage.WAITS_FOR_PERSON, Case.Stage.WAITS_FOR_BODY)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which cases a list, a board or a map shows."""

    view: str = "open"
    words: str = ""
    body: str = ""
    kind: str = ""
    category: str = ""
    priority: str = ""
    stage: str = ""
    # A member's id, or "none".
    owner: str = ""

    @property
    def is_by_due(self) -> bool:
        """What is open is worked on: what is about to be late comes first. The rest is read: newest first."""
        return self.view not in {"closed", "all"}


def cases(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> CaseQuerySet:
    """The cases that these filters let through, in no order; `found` is what the words found."""
    return _view(_base(filters, found), filters.view, member=member, now=now)


def _base(filters: Filters, found: Found | None) -> CaseQuerySet:
    rows: CaseQuerySet = Case.objects.all()
    if filters.body:
        rows = rows.filter(node__key=filters.body)
    for name in ("kind", "category", "priority", "stage"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    if filters.owner == "none":
        rows = rows.filter(owner=None)
    elif filters.owner:
        rows = rows.filter(owner__public_id=filters.owner)
    if found is not None:
        rows = rows.filter(
            Q(contact__in=found.contacts)
            | Q(reference__in=found.matters)
            | _numbered(filters.words)
        )
    return rows


def _numbered(words: str) -> Q:
    """The number of the case, here or in the systems beside us, or its beginning."""
    digits = digits_in(words)
    if not digits or any(character.isalpha() for character in words):
        return Q(pk__in=[])
    found = Q(balady_number=digits) | Q(transaction_number=digits)
    # As others write theirs: 940-2611-58213.
    found |= Q(balady_number=words.strip()) | Q(transaction_number=words.strip())
    # As a range: under row-level security an index answers comparisons, but not LIKE.
    return found | Q(reference__gte=digits, reference__lt=digits[:-1] + chr(ord(digits[-1]) + 1))


def _view(rows: CaseQuerySet, view: str, *, member: Member, now: datetime) -> CaseQuerySet:
    every = Case.objects
    narrowed = {
        "open": every.open,
        "mine": lambda: every.open().filter(owner=member),
        "late": lambda: every.late(now=now),
        "waits": lambda: every.open().filter(stage__in=WAITS),
        "closed": every.closed,
    }.get(view)
    return rows & narrowed() if narrowed else rows


def shown(rows: CaseQuerySet) -> CaseQuerySet:
    """These cases with all that a row shows of them."""
    return rows.select_related("node", "contact", "conversation", "owner")


def page_of_cases(rows: CaseQuerySet, *, filters: Filters, after: Cursor | None) -> Page[Case]:
    """These cases with all that a row shows: open ones as they are due, others the newest first."""
    order = {"oldest": "due_at"} if filters.is_by_due else {"newest": "opened_at"}
    return page_of(shown(rows), **order, after=after, limit=PAGE)


def counts(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> dict[str, int]:
    """How many cases each view holds under these filters, counted up to `paging.COUNTED_TO`."""
    rows = _base(filters, found)
    return counts_of({view: _view(rows, view, member=member, now=now) for view in VIEWS})


def earlier_cases(conversation: Conversation, *, but: Case | None) -> list[Case]:
    """The contact's other cases that the reader may see, newest first."""
    rows = Case.objects.filter(contact=conversation.contact).select_related("node", "conversation")
    if but:
        rows = rows.exclude(pk=but.pk)
    return list(rows.order_by("-opened_at", "-pk")[:5])


def phone_of(conversation: Conversation) -> str:
    """The contact's mobile, or nothing where they hide it."""
    return (
        conversation.contact.identities.filter(scheme="phone")
        .values_list("value", flat=True)
        .first()
        or ""
    )
