"""Reading cases."""

from __future__ import annotations

from django.db.models import Count, F, Q

from bayan.cases.models import Case
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, Page, page_of
from bayan.inbox.models import Conversation


def latest_of(conversation: Conversation) -> Case | None:
    """The case that a conversation's panel shows: the open one, else the one closed last."""
    return (
        Case.objects.filter(conversation=conversation)
        .select_related("node", "closed_by", "conversation", "contact")
        .order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk")
        .first()
    )


def timeline_of(case: Case) -> list[AuditEntry]:
    """What happened to a case, oldest first; its messages stand in the conversation beside it."""
    entries = AuditEntry.objects.filter(subject_type="case", subject_key=case.reference)
    return list(entries.filter(action__startswith="case.").order_by("pk"))


PAGE = 50


def page_of_cases(*, state: str = "", words: str = "", after: Cursor | None = None) -> Page[Case]:
    """Cases of this state (both, if empty), newest first, with all that a row shows."""
    rows = Case.objects.select_related("node", "contact", "conversation")
    if state in ("open", "closed"):
        rows = getattr(rows, state)()
    if words:
        rows = rows.matching(words)
    return page_of(rows, newest="opened_at", after=after, limit=PAGE)


def counts() -> dict[str, int]:
    """How many cases there are, open and closed, in one query."""
    return Case.objects.aggregate(
        all=Count("pk"),
        open=Count("pk", filter=Q(closed_at=None)),
        closed=Count("pk", filter=~Q(closed_at=None)),
    )


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
