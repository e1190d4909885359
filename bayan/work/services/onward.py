"""What members are told goes on where WhatsApp does not get to them: backup number, SMS, e-mail, the page.

The message by WhatsApp is queued by `telling`; here it becomes the first way of a letter (`channels.reach`),
in the same transaction. What is over meanwhile goes no further way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Reach
from bayan.channels.services import WAYS
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.work.models import Notice

# What an answer to a message about one item, or to a list of several things, is about
# (config/subscriptions.py).
ONE, SEVERAL = "work.item", "work.list"
# The same of what a contractor or a body outside is told: they are no members.
OUTSIDE = "work.outside"
# Who has not shown that a mobile is theirs cannot answer from it: no chat, but a text message.
WITHOUT_CHAT = tuple(way for way in WAYS if way not in {Reach.Way.WHATSAPP, Reach.Way.BACKUP})
LOCK = "bayan.work.telling"


@dataclass(kw_only=True)
class Said:
    """What one member is told, of which notices, and by which message where WhatsApp takes it."""

    member: Member
    notices: Sequence[Notice]
    # Under which an answer comes back: an item's own key, or none.
    item_key: str
    # Whose message it is: for row-level security.
    node_id: int
    title: str
    # Whole in itself, with its link: for a text message or an e-mail.
    text: str
    lane: Outgoing.Lane
    message: Message | None = None
    # The template that says it, filled in: for outside the window, and for the backup number.
    template_id: int | None = None
    template_content: dict[str, Any] | None = None


def one_at_a_time() -> bool:
    """True if nobody else tells members now; until the commit nobody else begins to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [LOCK])
        return bool(cursor.fetchone()[0])


def pass_on(told: Sequence[Said], *, now: datetime) -> None:
    """Let all of this be tried by further ways; each notice keeps by which letter."""
    rounds = _rounds([one for one in told if one.item_key])
    for kind, some in (
        (ONE, [one for one in told if one.item_key]),
        (SEVERAL, [one for one in told if not one.item_key]),
    ):
        letters = [_letter(one, rounds) for one in some]
        channels.reach(letters, subject_type=kind, now=now)
        made = {
            (row.subject_key, row.member_id, row.round): row
            for row in Reach.objects.filter(
                subject_type=kind, subject_key__in={letter.subject_key for letter in letters}
            )
        }
        for one, letter in zip(some, letters, strict=True):
            for notice in one.notices:
                notice.reach = made[letter.subject_key, letter.member_id, letter.round]


def _rounds(told: Sequence[Said]) -> dict[tuple[str, int], int]:
    """How often each was told of the same item before: a chaser is another round."""
    rows = (
        Reach.objects.filter(subject_type=ONE, subject_key__in={one.item_key for one in told})
        .values("subject_key", "member")
        .annotate(last=Max("round"))
    )
    return {(row["subject_key"], row["member"]): row["last"] + 1 for row in rows}


def _letter(one: Said, rounds: dict[tuple[str, int], int]) -> channels.Letter:
    begun = one.message.outgoing if one.message else None
    if begun is not None:
        ways = tuple(way for way in WAYS if way != Reach.Way.WHATSAPP)
    else:
        ways = WAYS if one.member.phone_linked_at is not None else WITHOUT_CHAT
    return channels.Letter(
        member_id=one.member.pk,
        node_id=one.node_id,
        # Of several things each telling is a letter of its own.
        subject_key=one.item_key or str(one.notices[0].pk),
        round=rounds.get((one.item_key, one.member.pk), 0),
        title=one.title[:120],
        text=one.text,
        lane=one.lane,
        template_id=one.template_id,
        template_content=one.template_content,
        ways=ways,
        begun=begun,
    )


def stop_what_is_over(*, now: datetime) -> int:
    """Try no further way for what has ended meanwhile; what has not left yet is not sent.

    Returns how many letters.
    """
    of_letter = Notice.objects.filter(reach=OuterRef("pk"))
    rows = Reach.objects.filter(
        Exists(of_letter), subject_type__in=[ONE, SEVERAL], state=Reach.State.OPEN
    ).annotate(runs=Exists(of_letter.filter(clock__ended_at=None)))
    over: dict[str, set[str]] = {ONE: set(), SEVERAL: set()}
    running: dict[str, set[str]] = {ONE: set(), SEVERAL: set()}
    for kind, key, runs in rows.values_list("subject_type", "subject_key", "runs"):
        (running if runs else over)[kind].add(key)
    # What was given back after it had ended is told in another round: that one goes on.
    return sum(
        channels.call_off(kind, keys - running[kind], now=now)
        for kind, keys in over.items()
        if keys - running[kind]
    )
