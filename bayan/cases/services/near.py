"""The same thing reported twice, met at the door: whoever reports what is followed up nearby is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from math import cos, hypot, radians

import structlog
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Alike, Case
from bayan.cases.services import followers
from bayan.cases.services.handling import carry
from bayan.cases.services.parts import entry
from bayan.cases.whole import pack
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation

# What an answer to the question is about (config/subscriptions.py), and the buttons under it.
SAME_PLACE = "cases.same_place"
SAME, ANOTHER = "near-same-", "near-another-"
# So near, and so lately, the same kind of fault is likely the same one.
METRES, WITHIN = 100, timedelta(days=30)
# A degree of latitude is so long everywhere.
METRES_A_DEGREE = 111_195
# In a flood of reports the rest are matched by their words and pictures.
MOST_AT_ONCE = 10
# How likely it is the same, as the panel says it.
LIKELY = 0.6

log = structlog.get_logger(__name__)


def before(case: Case, *, now: datetime) -> Case | None:
    """The nearest open case of somebody else that is likely about the same: category, place, time."""
    if case.latitude is None or case.longitude is None or case.is_closed or case.parent_id:
        return None
    if case.category not in pack.shown_by_picture():
        return None
    here = case.latitude, case.longitude
    # So near to each other the earth is flat.
    east = METRES_A_DEGREE * max(0.01, cos(radians(case.latitude)))
    high, wide = METRES / METRES_A_DEGREE, METRES / east
    rows = (
        Case.objects.open()
        .filter(
            latitude__range=(here[0] - high, here[0] + high),
            longitude__range=(here[1] - wide, here[1] + wide),
            category=case.category,
            opened_at__gt=now - WITHIN,
        )
        .exclude(Q(pk=case.pk) | Q(parent=case.pk) | Q(contact=case.contact_id))
        .select_related("node")
    )
    found = [
        (
            hypot((row.latitude - here[0]) * METRES_A_DEGREE, (row.longitude - here[1]) * east),
            row.pk,
            row,
        )
        for row in rows[:200]
        if row.latitude is not None and row.longitude is not None
    ]
    nearest = min(found, default=None, key=lambda one: one[:2])
    return nearest[2] if nearest and nearest[0] <= METRES else None


def suggest(case: Case, *, now: datetime) -> Case | None:
    """Note the nearest case that is likely the same, for members to decide; returns that matter's first."""
    other = before(case, now=now)
    if other is None:
        return None
    if other.parent_id:
        other = Case.objects.select_related("node").get(pk=other.parent_id)
        if other.is_closed:
            return None
    _made, is_new = Alike.objects.get_or_create(
        case=case, other=other, defaults={"likeness": LIKELY, "reason": Alike.Reason.NEAR}
    )
    return other if is_new else None


def words_of(other: Case) -> str:
    """What somebody who reports the same is told of the case that is there already."""
    day = timezone.localtime(other.opened_at)
    return _(
        "Somebody reported this near this place on %(date)s. It is being followed up under number %(number)s."
    ) % {"date": date_format(day, "DATE_FORMAT"), "number": grouped(other.reference)}


def ask(cases: Collection[Case], *, now: datetime) -> None:
    """Ask the persons of these open cases, whose place is known, whether theirs is what is followed up there.

    In the transaction that takes their message in, once a case; who cannot be written to is not asked.
    """
    asked = 0
    seen = pack.shown_by_picture()
    for case in {case.pk: case for case in cases}.values():
        # Danger is seen to at once, by whomever it was reported.
        if case.latitude is None or case.priority == Case.Priority.EMERGENCY:
            continue
        # A location alone says not of what: nothing is looked for then.
        if case.category not in seen:
            continue
        if asked >= MOST_AT_ONCE:
            log.info("near.not_asked", why="too many at once")
            return
        if Alike.objects.filter(case=case, reason=Alike.Reason.NEAR).exists():
            continue
        other = suggest(case, now=now)
        if other is not None and _send(case, other, now=now):
            asked += 1


def _send(case: Case, other: Case, *, now: datetime) -> bool:
    conversation = Conversation.objects.select_related("node", "number__account", "contact").get(
        pk=case.conversation_id
    )
    number = conversation.number
    if number.stopped_at is not None or not number.account.asks_where:
        return False
    with override(conversation.contact.language):
        question = _("Is yours the same?")
        try:
            inbox.send(
                conversation,
                f"{words_of(other)} {question}",
                by=None,
                now=now,
                buttons=[
                    (f"{SAME}{other.reference}", _("It is the same")),
                    (f"{ANOTHER}{other.reference}", _("It is another")),
                ],
                subject=(SAME_PLACE, case.reference),
            )
        except DomainError as refused:
            log.info("near.not_asked", why=type(refused).__name__)
            return False
    audit.record(entry("case.near_asked", case, by=audit.SYSTEM, now=now, to=other.reference))
    return True


def settle(case: Case, answer: str, *, request_id: str, now: datetime) -> str:
    """Take a person's answer to the question; returns what they are told, or nothing.

    `case` is locked, with its conversation. The same: it joins that matter and goes to the body that has it;
    whoever reported keeps their conversation and hears what comes of it.
    """
    is_same = answer.startswith(SAME)
    reference = answer.removeprefix(SAME).removeprefix(ANOTHER)
    other = Case.objects.filter(reference=reference).select_related("node").first()
    pair = Alike.objects.filter(case=case, other=other, reason=Alike.Reason.NEAR).first()
    # The first answer counts: a second thought is for a member.
    if other is None or pair is None or pair.is_same is not None or case.is_closed:
        return ""
    if case.parent_id or Case.objects.filter(parent=case).exists():
        # A member has said meanwhile to which matter it belongs.
        return ""
    pair.is_same, pair.decided_at = is_same, now
    pair.save(update_fields=["is_same", "decided_at"])
    if not is_same:
        return _("Thank you. Yours is followed up by itself.")
    if other.is_closed:
        return _("That one was closed meanwhile. Yours is followed up by itself.")
    _go_to(case, other, now=now)
    followers.follow(case, other, now=now)
    if case.node_id == other.node_id:
        case.parent_id = other.parent_id or other.pk
        Case.objects.bulk_update([case], ["parent"])
        audit.record(
            entry(
                "case.joined", case, by=case.contact, now=now, request_id=request_id,
                to=other.reference,
            )
        )  # fmt: skip
        live.announce((one.node_id, "case", one.public_id) for one in (case, other))
    return _(
        "Thank you. You follow it too: you hear here what comes of it. To hear no more of it, write: unfollow"
    )


def _go_to(case: Case, other: Case, *, now: datetime) -> None:
    """Bring a case that stands untouched at the desk to the body that has the other one."""
    if case.node_id == other.node_id or not case.node.is_desk or case.owner_id is not None:
        return
    conversation = Conversation.objects.select_for_update().get(pk=case.conversation_id)
    theirs: Sequence[Case] = list(
        Case.objects.filter(conversation=conversation)
        .select_related("node", "owner")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    if any(one.pk != case.pk and not one.is_closed for one in theirs):
        # Another matter of theirs is open there: a member sorts it out.
        return
    source = case.node
    targets = carry({conversation: other.node}, theirs, now=now)
    case.node, case.conversation_id = other.node, targets[conversation.pk]
    audit.record(
        entry(
            "case.assigned", case, by=audit.SYSTEM, now=now,
            **{"from": source.key, "to": other.node.key},
        )
    )  # fmt: skip
    live.announce([(source.pk, "case", case.public_id)])
