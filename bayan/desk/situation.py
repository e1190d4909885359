"""«الموقف الآن»: how a body stands now, in five figures from records, each with the page of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.cases import selectors as cases
from bayan.cases.models import Burst, Forward
from bayan.cases.selectors import Filters, ShownBurst, ShownForward, Statement
from bayan.core.paging import counts_of
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Turn
from bayan.people.permissions import Access

# In an address, in place of a body's key.
WHOLE = "all"
# What came up longer ago does not circulate any more.
CIRCULATES = timedelta(hours=24)
STATEMENTS_SHOWN = 20
CIRCULATING_SHOWN = 50


@dataclass(frozen=True)
class Scope:
    """Of what the situation is told: one body, or all that the reader sees."""

    node: Node | None
    # From here up the duty roster is asked.
    home: Node

    @property
    def key(self) -> str:
        return self.node.key if self.node else WHOLE

    @property
    def body(self) -> str:
        """What narrows a list to it; empty: nothing."""
        return self.node.key if self.node else ""

    @property
    def name(self) -> str:
        return self.node.name if self.node else self.home.name

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of these rows that belong to it."""
        return rows.filter(node=self.node.pk) if self.node else rows


def bodies_of(access: Access) -> list[Node]:
    """The bodies whose situation this member may know, in the order of the tree."""
    kinds = [Node.Kind.AUTHORITY, Node.Kind.MUNICIPALITY]
    return list(access.nodes_where("cases.read").filter(kind__in=kinds).order_by("position", "pk"))


def scope_of(node: Node | None, bodies: Sequence[Node]) -> Scope | None:
    """What is told of when this body is asked for, or none in particular; None: there is nothing to tell.

    Who sees the authority itself, or several bodies, may ask of all of them; it stands for them.
    """
    if not bodies:
        return None
    if node is None and len(bodies) == 1:
        return Scope(bodies[0], bodies[0])
    if node is None or node.is_desk:
        return Scope(None, next((body for body in bodies if body.is_desk), bodies[0]))
    return Scope(node, node)


def scope_named(key: str, bodies: Sequence[Node]) -> Scope | None:
    """The same by a key in an address; None: there is no such body, or not for this member."""
    if key == WHOLE:
        return scope_of(None, bodies)
    node = next((body for body in bodies if body.key == key), None)
    return scope_of(node, bodies) if node else None


@dataclass(frozen=True)
class Situation:
    """How it stands now. Each figure is one statement, and its page shows the same number."""

    scope: Scope
    open: int
    late: int
    # What far more people write of than usual, and what members passed on; counted up to paging.COUNTED_TO.
    bursts: int
    forwards: int
    statement: Statement | None
    duty: Turn | None
    now: datetime

    @property
    def circulating(self) -> int:
        return self.bursts + self.forwards

    @property
    def open_path(self) -> str:
        return _cases_path("open", self.scope)

    @property
    def late_path(self) -> str:
        return _cases_path("late", self.scope)

    @property
    def circulating_path(self) -> str:
        return reverse("situation:circulating", args=[self.scope.key])

    @property
    def statements_path(self) -> str:
        return reverse("situation:statements", args=[self.scope.key])

    @property
    def duty_path(self) -> str:
        return f"{reverse('people:duty')}?{urlencode({'body': self.scope.home.key})}"


def _cases_path(state: str, scope: Scope) -> str:
    asked = {"state": state} | ({"body": scope.body} if scope.body else {})
    return f"{reverse('cases:cases')}?{urlencode(asked)}"


def situation(access: Access, scope: Scope, *, now: datetime) -> Situation:
    """The five figures, of what the one who is asked as sees (`core.rls`)."""
    member = access.member

    def count(view: str) -> int:
        return cases.cases(Filters(view=view, body=scope.body), member=member, now=now).count()

    going_round = counts_of_circulating(scope, now=now)
    latest = statements(scope, most=1)
    return Situation(
        scope=scope,
        open=count("open"),
        late=count("late"),
        bursts=going_round["bursts"],
        forwards=going_round["forwards"],
        statement=latest[0] if latest else None,
        duty=people.on_duty(scope.home, now=now),
        now=now,
    )


def counts_of_circulating(scope: Scope, *, now: datetime) -> dict[str, int]:
    """How many bursts there were, and how much was passed on, within a day; in one statement."""
    return counts_of({"bursts": bursts_in(scope, now=now), "forwards": forwards_in(scope, now=now)})


def bursts_in(scope: Scope, *, now: datetime) -> QuerySet[Burst]:
    """The bursts that were noticed within a day."""
    return scope.of(Burst.objects.filter(told_at__gt=now - CIRCULATES))


def forwards_in(scope: Scope, *, now: datetime) -> QuerySet[Forward]:
    """What members passed on within a day."""
    return scope.of(Forward.objects.filter(received_at__gt=now - CIRCULATES))


def statements(scope: Scope, *, most: int = STATEMENTS_SHOWN) -> list[Statement]:
    """What the public was told, the latest first."""
    return cases.statements(scope.node, most=most)


def circulating(scope: Scope, *, now: datetime) -> tuple[list[ShownBurst], list[ShownForward]]:
    """The rows behind the figure: bursts, and what members passed on, the latest first."""
    passed_on = (
        forwards_in(scope, now=now)
        .select_related("member", "node", "case__conversation", "likeliest__conversation")
        .order_by("-received_at", "-pk")[:CIRCULATING_SHOWN]
    )
    return (
        cases.bursts(now=now, of=bursts_in(scope, now=now)),
        cases.shown_forwards(list(passed_on)),
    )


def title_of(scope: Scope) -> str:
    """As the page and the message are headed."""
    return _("The situation now: %(body)s") % {"body": scope.name}


def circulating_in_words(found: Situation) -> str:
    """The figure and what it is made of: 5 (2 bursts, 3 forwards)."""
    if not found.circulating:
        return "0"
    parts = [
        ngettext("%(count)d burst", "%(count)d bursts", found.bursts) % {"count": found.bursts}
        if found.bursts
        else "",
        ngettext("%(count)d forward", "%(count)d forwards", found.forwards)
        % {"count": found.forwards}
        if found.forwards
        else "",
    ]
    return f"{found.circulating} ({_(', ').join(filter(None, parts))})"
