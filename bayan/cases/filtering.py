"""The filters of the list, the board and the map of cases: read from an address, written back into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import TextChoices
from django.http import QueryDict

from bayan.cases import selectors
from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.selectors import Filters
from bayan.cases.surge.lanes import LANES
from bayan.core.views import uuid_in
from bayan.inbox import selectors as inbox
from bayan.inbox.selectors import Found
from bayan.people.models import Member


@dataclass(frozen=True)
class Asked:
    """Cases that somebody asked for."""

    filters: Filters
    found: Found | None

    @classmethod
    def by(cls, given: QueryDict, *, view: str = "", is_all: bool = False) -> Asked:
        """What an address asks for; of words the latest they are found in, or all of it."""
        filters = filters_in(given)
        if view:
            filters = replace(filters, view=view)
        if not filters.words:
            return cls(filters, None)
        most = inbox.ALL_THAT_MATCH if is_all else inbox.MOST_FOUND
        return cls(filters, inbox.look_for(filters.words, most=most))

    def rows(self, *, member: Member, now: datetime) -> CaseQuerySet:
        return selectors.cases(self.filters, member=member, now=now, found=self.found)

    def in_order(self, *, member: Member, now: datetime) -> CaseQuerySet:
        """These cases as the list shows them: where not all can be taken, the first ones are."""
        order = ("due_at", "pk") if self.filters.is_by_due else ("-opened_at", "-pk")
        return self.rows(member=member, now=now).order_by(*order)

    def counts(self, *, member: Member, now: datetime) -> dict[str, int]:
        return selectors.counts(self.filters, member=member, now=now, found=self.found)


def filters_in(given: QueryDict) -> Filters:
    """What an address asks for; what is not understood is left out."""
    view = given.get("state", "open")
    owner = given.get("owner", "")
    return Filters(
        view=view if view in selectors.VIEWS else "open",
        words=given.get("q", "").strip()[:100],
        body=given.get("body", "")[:60],
        kind=_one_of(Case.Kind, given.get("kind", "")),
        category=_one_of(Case.Category, given.get("category", "")),
        priority=_one_of(Case.Priority, given.get("priority", "")),
        stage=_one_of(Case.Stage, given.get("stage", "")),
        lane=given.get("lane", "") if given.get("lane", "") in LANES else "",
        owner=owner if owner == "none" or uuid_in(owner) else "",
    )


def _one_of(choices: type[TextChoices], given: str) -> str:
    return given if given in choices.values else ""


def query_of(filters: Filters, **changes: str) -> str:
    """These filters as they stand behind the question mark, some of them changed or left out (empty)."""
    parts = {
        "state": filters.view,
        "q": filters.words,
        "body": filters.body,
        "kind": filters.kind,
        "category": filters.category,
        "priority": filters.priority,
        "stage": filters.stage,
        "owner": filters.owner,
        "lane": filters.lane,
    } | changes
    return urlencode({name: value for name, value in parts.items() if value})


def chosen(given: QueryDict, *, member: Member, now: datetime, most: int) -> CaseQuerySet:
    """The cases that a form names one by one, or all that its filters let through (`all`)."""
    if given.get("all"):
        asked = Asked.by(QueryDict(given.get("query", "")), is_all=True)
        rows = asked.in_order(member=member, now=now)
        return Case.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most]))
    ids = [found for found in map(uuid_in, given.getlist("ids")) if found]
    return Case.objects.filter(public_id__in=ids[:most])
