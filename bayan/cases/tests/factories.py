"""Cases for tests, made the way real ones are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bayan.cases import services
from bayan.cases.models import Answer, Burst, Case, RoutingRule
from bayan.channels.tests.factories import incoming
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
# Nobody in these tests has a camera.
CONFIRMED = services.Basis(excuse="confirmed")


def make_case(
    text: str = "الشارع مظلم من أمس",
    *,
    node: Node | None = None,
    now: datetime = MONDAY,
    **changes: Any,
) -> Case:
    """An open case with one message, at the desk or in the body given."""
    message = incoming(text, received_at=now, **changes)
    services.take_in([message], now=now)
    matter = Message.objects.get(external_id=message.external_id).matter
    case = Case.objects.select_related("node", "conversation__contact", "contact").get(
        reference=matter
    )
    if node is not None and node.pk != case.node_id:
        clerk = make_member(Role.Kind.RESPONDER, case.node)
        case = services.assign_case(case.public_id, to=node, by=clerk, now=now)
    return case


def make_burst(node: Node, *, now: datetime = MONDAY, **changes: Any) -> Burst:
    """Thirty messages where four are usual, noticed just now."""
    return Burst.objects.create(
        **{
            "node": node,
            "started_at": now - timedelta(minutes=10),
            "detected_at": now,
            "told_at": now,
            "about": [["municipality", node.key], ["category", "storm_water"]],
            "volume": 30,
            "baseline": 4.2,
            "score": 12.0,
            **changes,
        }
    )


def make_rule(**changes: Any) -> RoutingRule:
    """A rule behind the others that fits every case and does nothing, but for `changes`."""
    author = make_member(Role.Kind.ADMINISTRATOR, organisation.desk())
    rule = RoutingRule(**{"name": "قاعدة", **changes})
    return services.save_rule(rule, by=author, now=MONDAY)


def make_matter(count: int, *, node: Node | None = None, now: datetime = MONDAY) -> list[Case]:
    """So many cases of as many people about one matter, the one that began it first."""
    messages = [incoming("حفرة كبيرة أمام المدرسة", received_at=now) for _number in range(count)]
    services.take_in(messages, now=now)
    rows = Case.objects.order_by("pk").filter(
        reference__in=Message.objects.filter(
            external_id__in=[message.external_id for message in messages]
        ).values("matter")
    )
    first, *others = [case.pk for case in rows]
    Case.objects.filter(pk__in=others).update(parent=first)
    if node is not None:
        clerk = make_member(Role.Kind.RESPONDER, organisation.desk())
        services.pass_on(rows.all(), to=node, by=clerk, now=now)
    return list(rows.select_related("node", "conversation", "contact"))


def drafted(
    case: Case, by: Member, *, now: datetime = MONDAY + timedelta(hours=2), **words: Any
) -> Answer:
    """A draft of an answer to everybody of a case's matter."""
    answer = services.draft_answer(case, by=by, now=now)
    facts = {
        "text": "سُدّت الحفرة، شكرًا لكم.",
        "values": {},
        "excuse": "confirmed",
        **words,
    }
    return services.write_answer(answer.public_id, services.Words(**facts), by=by, now=now)


def started(
    case: Case, by: Member, *, now: datetime = MONDAY + timedelta(hours=2), **words: Any
) -> Answer:
    """One that was started; nothing is handed over yet."""
    answer = drafted(case, by, now=now, **words)
    return services.start_answer(answer.public_id, by=by, now=now)
