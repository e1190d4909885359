"""The filters of the list of conversations: read from an address, written back into one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.core.views import uuid_in
from bayan.inbox import selectors
from bayan.inbox.models import Conversation, ConversationQuerySet
from bayan.inbox.selectors import Filters, Found
from bayan.people.models import Member

# The words of the filters of `selectors.HELD`, `PASSED_ON` and `SPANS`.
KINDS_HELD: dict[str, str | Promise] = {
    selectors.PASSED_ON: _("what was forwarded many times"),
    "picture": _("pictures"),
    "video": _("videos"),
    "voice": _("voice messages"),
    "document": _("documents"),
    "location": _("locations"),
    "form": _("filled-in forms"),
}
SPANS: dict[str, str | Promise] = {
    "day": _("in the last 24 hours"),
    "week": _("in the last 7 days"),
    "month": _("in the last 30 days"),
}


@dataclass(frozen=True)
class Asked:
    """A list that somebody asked for."""

    filters: Filters
    found: Found | None

    @classmethod
    def by(cls, given: QueryDict, *, is_all: bool = False) -> Asked:
        """What an address asks for; of words the latest they are found in, or all of it."""
        filters = filters_in(given)
        if not filters.words:
            return cls(filters, None)
        most = selectors.ALL_THAT_MATCH if is_all else selectors.MOST_FOUND
        return cls(filters, selectors.look_for(filters.words, most=most))

    def rows(self, *, member: Member, now: datetime) -> ConversationQuerySet:
        return selectors.conversations(self.filters, member=member, now=now, found=self.found)

    def counts(self, *, member: Member, now: datetime) -> dict[str, int]:
        return selectors.counts(self.filters, member=member, now=now, found=self.found)


def filters_in(given: QueryDict) -> Filters:
    """What an address asks for; what is not understood is left out."""
    view = given.get("view", "open")
    view = view if view in selectors.VIEWS else "open"
    order = given.get("order", "")
    assignee = given.get("assignee", "")
    return Filters(
        view=view,
        words=given.get("q", "").strip()[:100],
        body=given.get("body", "")[:60],
        label=uuid_in(given.get("label", "")),
        assignee=assignee if assignee == "none" or uuid_in(assignee) else "",
        holds=_one_of(given.get("holds", ""), {*selectors.HELD, selectors.PASSED_ON}),
        span=_one_of(given.get("span", ""), selectors.SPANS),
        number=_key_in(given.get("number", "")),
        # Whoever waits longest is answered first.
        is_oldest_first=order == "oldest" or (view == "waiting" and order != "newest"),
    )


def _key_in(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _one_of(word: str, known: Collection[str]) -> str:
    return word if word in known else ""


def query_of(filters: Filters, **changes: str) -> str:
    """These filters as they stand behind the question mark, some of them changed or left out (empty)."""
    usual = filters.view == "waiting"
    order = "" if filters.is_oldest_first == usual else ("oldest" if not usual else "newest")
    parts = {
        "view": filters.view,
        "q": filters.words,
        "body": filters.body,
        "label": str(filters.label or ""),
        "assignee": filters.assignee,
        "holds": filters.holds,
        "span": filters.span,
        "number": str(filters.number or ""),
        "order": order,
    } | changes
    return urlencode({name: value for name, value in parts.items() if value})


def chosen(given: QueryDict, *, member: Member, now: datetime, most: int) -> ConversationQuerySet:
    """The conversations that a form names one by one, or all that its filters let through (`all`)."""
    if given.get("all"):
        asked = Asked.by(QueryDict(given.get("query", "")), is_all=True)
        rows = asked.rows(member=member, now=now)
        return Conversation.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most]))
    ids = [found for found in map(uuid_in, given.getlist("ids")) if found]
    return Conversation.objects.filter(public_id__in=ids[:most])
