"""Letters to members and people outside: asked for and called off; the worker delivers them (`reaching`)."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from bayan.channels.models import Attempt, Outgoing, Reach
from bayan.channels.services.sending import forget_words, withdraw_each
from bayan.channels.services.ways import WAYS, WAYS_OUTSIDE, Outsider
from bayan.core import live
from bayan.core.models import uuid7
from bayan.core.rls import as_worker

LONGEST_TITLE = 120
# So many letters are emptied in one go.
AT_ONCE = 500
State = Reach.State
NOT_LEFT = (Outgoing.State.HELD, Outgoing.State.QUEUED)
NEW = """
    INSERT INTO channels_reach
        (public_id, node_id, member_id, subject_type, subject_key, round, lane, words, ways, state, way,
         outgoing_id, look_at, expires_at, created_at)
    SELECT n.public_id, n.node_id, n.member_id, %s, n.subject_key, n.round, n.lane, n.words, n.ways,
           'open', CASE WHEN n.outgoing_id IS NULL THEN '' ELSE 'whatsapp' END,
           n.outgoing_id, n.look_at, n.expires_at, %s
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::int[], %s::jsonb[],
                %s::jsonb[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS n (public_id, node_id, member_id, subject_key, round, lane, words, ways, outgoing_id, look_at,
              expires_at)
    ORDER BY n.subject_key, n.member_id, n.round
    ON CONFLICT (subject_type, subject_key, member_id, round) DO NOTHING
    RETURNING id, node_id, public_id, outgoing_id
"""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one member, or `to` somebody outside, is to be told, and how each channel says it.

    `content` is a WhatsApp message for within the window, which closes at `window_until`; the template,
    filled in as `template_content`, is for outside it. Without either the template that tells members of
    their tasks says the title, to members. `text` is whole in itself, with its link: text messages and
    e-mails say it.
    `begun` is the message by WhatsApp where the asker has queued it already, in the same transaction: then
    that way is tried by it, and `ways` are those after it.
    """

    member_id: int | None
    node_id: int
    subject_key: str
    title: str
    text: str
    # Without a member: by what they are reached.
    to: Outsider | None = None
    round: int = 0
    lane: Outgoing.Lane = Outgoing.Lane.WORK
    content: dict[str, Any] | None = None
    window_until: datetime | None = None
    template_id: int | None = None
    template_content: dict[str, Any] | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    ways: tuple[str, ...] = WAYS
    begun: Outgoing | None = None

    @property
    def words(self) -> dict[str, Any]:
        """As it is kept."""
        until = self.window_until
        return {
            "title": self.title[:LONGEST_TITLE],
            "text": self.text,
            "content": self.content,
            "window_until": until.isoformat() if until else None,
            "template": self.template_id,
            "template_content": self.template_content,
        } | ({"to": self.to.words} if self.to else {})


@transaction.atomic
def reach(letters: Sequence[Letter], *, subject_type: str, now: datetime) -> int:
    """Have these people told, in the running transaction; returns how many letters are new.

    A letter with the subject, member and round of one that is known is passed over, whatever it says.

    :raises ValueError: the lane of what goes to the public, a way that there is none, or it is for nobody
    """
    for letter in letters:
        if (letter.member_id is None) == (letter.to is None):
            raise ValueError("a letter is for a member or for somebody outside")
        ways = WAYS if letter.member_id is not None else WAYS_OUTSIDE
        if letter.lane == Outgoing.Lane.BULK or set(letter.ways) - set(ways):
            raise ValueError(f"no letter to anybody: {letter.lane} {letter.ways}")
    if not letters:
        return 0
    # Who may tell whom has been checked where it was asked for; the body may be above the asker's own.
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            NEW,
            [
                subject_type,
                now,
                [uuid7() for _letter in letters],
                [letter.node_id for letter in letters],
                [letter.member_id for letter in letters],
                [letter.subject_key for letter in letters],
                [letter.round for letter in letters],
                [int(letter.lane) for letter in letters],
                [json.dumps(letter.words, ensure_ascii=False) for letter in letters],
                [json.dumps(letter.ways) for letter in letters],
                [letter.begun.pk if letter.begun else None for letter in letters],
                [max(letter.not_before or now, now) for letter in letters],
                [letter.expires_at for letter in letters],
            ],
        )
        made = cursor.fetchall()
        Attempt.objects.bulk_create(
            Attempt(
                reach_id=key, node_id=node_id, way=Reach.Way.WHATSAPP, outgoing_id=outgoing_id,
                created_at=now,
            )
            for key, node_id, _public_id, outgoing_id in made
            if outgoing_id
        )  # fmt: skip
        live.announce((node_id, "reach", public_id) for _key, node_id, public_id, _message in made)
    return len(made)


@transaction.atomic
def call_off(subject_type: str, keys: Collection[str], *, now: datetime) -> int:
    """Try no further way for these; what no dispatcher has claimed yet is not sent. Returns how many."""
    with as_worker():
        rows = list(
            Reach.objects.select_for_update(of=("self",)).filter(
                subject_type=subject_type, subject_key__in=list(keys), state=State.OPEN
            )
        )
        tries = Attempt.objects.filter(reach__in=rows, outgoing__state__in=NOT_LEFT)
        withdraw_each(list(tries.values_list("outgoing", flat=True)), now=now)
        Reach.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=State.WITHDRAWN, ended_at=now
        )
        live.announce((row.node_id, "reach", row.public_id) for row in rows)
    return len(rows)


@transaction.atomic
def forget_letters(subject_type: str, keys: Collection[str]) -> int:
    """Take the words out of letters to members about subjects that are destroyed, and of their messages.

    To be called as the worker. Returns how many letters were emptied.
    """
    rows = Reach.objects.filter(subject_type=subject_type, subject_key__in=list(keys))
    sent = Attempt.objects.filter(reach__in=rows, outgoing__isnull=False)
    forget_words(sent.values_list("outgoing", flat=True))
    return rows.update(words={})


@transaction.atomic
def forget_done_letters(subject_type: str, *, before: datetime) -> int:
    """Take the words out of letters of this kind that were done with before then, and out of their messages.

    For what holds a secret that is worth something only to whom it went. Returns how many were emptied.
    """
    done = Reach.objects.filter(subject_type=subject_type, ended_at__lt=before).exclude(words={})
    keys = list(done.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    sent = Attempt.objects.filter(reach__in=keys, outgoing__isnull=False)
    forget_words(sent.values_list("outgoing", flat=True))
    return Reach.objects.filter(pk__in=keys).update(words={})
