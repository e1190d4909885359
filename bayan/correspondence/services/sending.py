"""Sending a letter: its number, its recipients, and handing it over batch by batch; run by the worker.

A batch is one transaction: its people have their tasks and their messages, or nothing of it happened. Whoever
dies in between leaves the next one to do exactly what was left.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.channels.models import Outgoing, Reach
from bayan.core import live
from bayan.core.calendar import hijri
from bayan.core.errors import DomainError
from bayan.correspondence.models import Letter, Recipient
from bayan.correspondence.services import filling
from bayan.correspondence.services.addressing import check_below, reach_of
from bayan.correspondence.services.parts import LETTER, named, note, titled
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.selectors import hash_of
from bayan.work import services as work
from bayan.work.services import Task, Telling
from bayan.work.services.saying import when

# So many people a transaction.
BATCH = 200
LOCK = "bayan.correspondence.numbers"
# A message with buttons carries 1,024 characters: ROOM without its heading. Of the letter's own text it shows
# so much, and less where the rest leaves less; the page has all of it.
LONGEST, ROOM = 640, 930
# Over a deputy's stands for whom it is.
ROOM_OF_DEPUTY = 200
# What an answer to a message about a letter is about: the one who got it (config/subscriptions.py).
RECIPIENT = "letter.recipient"
# Told of the same letter again, that it was recalled.
RECALLED = 1
LANES = {
    Letter.Urgency.VERY_URGENT: Outgoing.Lane.CRISIS,
    Letter.Urgency.AT_ONCE: Outgoing.Lane.CRISIS,
}
log = structlog.get_logger(__name__)


class DayIsOver(DomainError):
    pass


def send(letter: Letter, *, by: Member, now: datetime) -> None:
    """Give a locked, signed letter its number and its recipients; the worker hands it over within seconds.

    To be called as the worker: it may go to bodies whose rows the signer does not see.

    :raises NotBelow: as `submit`; the tree may have changed since
    :raises DayIsOver: it is due on a day whose working hours are over, or that has none
    """
    reach = reach_of(letter, now=now)
    check_below(letter, reach)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), %s)", [LOCK, letter.node_id % (2**31)]
        )
    letter.year = year_of(now)
    last = Letter.objects.filter(node=letter.node_id, year=letter.year).aggregate(
        last=Max("number")
    )["last"]
    letter.number = (last or 0) + 1
    letter.state, letter.sent_at, letter.changed_at = Letter.State.SENT, now, now
    letter.due_at = due_of(letter, now=now)
    letter.bodies = sorted({person.node.pk for person in reach.people})
    letter.save()
    Recipient.objects.bulk_create(
        Recipient(letter=letter, member=person.member, node=person.node, is_copy=person.is_copy)
        for person in reach.people
    )
    note("letter.sent", letter, by=by, now=now)


def due_of(letter: Letter, *, now: datetime) -> datetime:
    """When what it wants is due if it is sent now.

    :raises DayIsOver: it names a day whose working hours are over, or that has none
    """
    if letter.due_on is None:
        return organisation.calendar().add(now, timedelta(hours=letter.term_hours))
    hours = organisation.calendar().intervals(letter.due_on)
    if not hours or hours[-1][1] <= now:
        raise DayIsOver(
            _("%(day)s is over, or nobody works on it. Choose a working day that is still to come.")
            % {"day": date_format(letter.due_on, "DATE_FORMAT")}
        )
    return hours[-1][1]


def year_of(moment: datetime) -> int:
    """The Hijri year by which letters are counted; the Gregorian one where the table ends (2077)."""
    day = timezone.localdate(moment)
    found = hijri(day)
    return found.year if found else day.year


def hand_over(*, now: datetime) -> int:
    """Tell the people of all letters that have left, or were recalled; returns how many were told."""
    told = 0
    waiting = Letter.objects.filter(
        state__in=[Letter.State.SENT, Letter.State.RECALLED], handed_at=None
    )
    for key in waiting.order_by("pk").values_list("pk", flat=True):
        try:
            while some := hand_over_some(key, now=now):
                told += some
        except Error:
            raise
        except Exception:
            # One that cannot be handed over must not hold up the others.
            log.exception("letter.failed", letter=key)
    return told


@transaction.atomic
def hand_over_some(letter_id: int, *, now: datetime) -> int:
    """Tell the next of a letter's people, that it came or that it was recalled; returns how many."""
    letter = (
        Letter.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("node", "author", "signer")
        .filter(pk=letter_id, handed_at=None)
        .first()
    )
    if letter is None:
        return 0
    recalled = letter.state == Letter.State.RECALLED
    waiting = (
        letter.recipients.filter(handed_at__isnull=False, recall_told_at=None)
        if recalled
        else letter.recipients.filter(handed_at=None)
    )
    rows = list(
        waiting.select_related("member", "node")
        .order_by("node", "pk")[:BATCH]
        .select_for_update(of=("self",))
    )
    if not rows:
        letter.handed_at = now
        letter.save(update_fields=["handed_at"])
        live.announce([(letter.node_id, LETTER, letter.public_id)])
        return 0
    if recalled:
        _tell_of_recall(letter, rows, now=now)
    else:
        _tell(letter, rows, now=now)
    live.announce([(letter.node_id, LETTER, letter.public_id)])
    return len(rows)


def _tell(letter: Letter, rows: Sequence[Recipient], *, now: datetime) -> None:
    wanted = [row for row in rows if not row.is_copy]
    due = max(letter.due_at or now, now + timedelta(minutes=10))
    items = work.give_each(
        [
            Task(
                kind=letter.wants,
                title=titled(letter),
                text="" if letter.is_classified else letter.text,
                node=row.node,
                given_from=letter.node,
                owner=row.member,
                due_at=due,
                subject=(LETTER, str(letter.public_id)),
                wants_proof=letter.wants_proof,
                # A form is filled in, not answered by a word.
                on_page=letter.is_classified or bool(letter.fields),
                tells=False,
            )
            for row in wanted
        ],
        by=letter.signer,
        now=now,
    )
    for row, item in zip(wanted, items, strict=True):
        row.item = item
    files = letter.attachments.count()
    words = [_word(letter, row, due, files, now=now) for row in rows]
    words += _words_to_deputies(letter, rows, due, files, now=now)
    work.tell_each(words, subject_type=RECIPIENT, now=now, lane=_lane(letter))
    reaches = dict(
        Reach.objects.filter(
            subject_type=RECIPIENT, subject_key__in=[word.key for word in words], round=0,
            # A deputy's message says nothing of whom they stand in for.
            member__in=[row.member_id for row in rows],
        ).values_list("subject_key", "pk")
    )  # fmt: skip
    for row in rows:
        row.handed_at, row.reach_id = now, reaches.get(str(row.public_id))
    Recipient.objects.bulk_update(rows, ["item", "handed_at", "reach", "link_hash"])


def _lane(letter: Letter) -> Outgoing.Lane:
    return LANES.get(Letter.Urgency(letter.urgency), Outgoing.Lane.WORK)


def _word(  # what a message of it says
    letter: Letter,
    row: Recipient,
    due: datetime,
    files: int,
    *,
    now: datetime,
    reader: Member | None = None,
) -> Telling:
    with override((reader or row.member).language):
        is_deputy = reader is not None
        return Telling(
            member=reader or row.member,
            key=str(row.public_id),
            node_id=row.node_id,
            text=_text(letter, row, due, files, now=now, is_deputy=is_deputy),
            title=titled(letter),
            due_at=due,
            buttons=work.buttons_of(row.item) if row.item else (),
            form=None if is_deputy else filling.form_of(letter, row),
        )


def _words_to_deputies(
    letter: Letter, rows: Sequence[Recipient], due: datetime, files: int, *, now: datetime
) -> list[Telling]:
    """The same for whoever stands in now for one of these of whom something is wanted.

    Beside what they get themselves: each has a task of their own. A link that opens once is its person's;
    a deputy signs in, and finds it by its page.
    """
    wanted = [row for row in rows if row.item is not None]
    acting = people.acting_for([row.member_id for row in wanted], now=now)
    words = []
    for row in wanted:
        if deputy := acting.get(row.member_id):
            with override(deputy.language):
                head = _("In place of %(name)s, for whom you stand in:") % {"name": row.member.name}
                word = _word(letter, row, due, files, now=now, reader=deputy)
            words.append(replace(word, text=f"{head}\n{word.text}"))
    return words


def _text(  # what a message of it says
    letter: Letter,
    row: Recipient,
    due: datetime,
    files: int,
    *,
    now: datetime,
    is_deputy: bool = False,
) -> str:
    """What leaves the house: all of it, its title, or only that there is something; by its grade."""
    mark = "" if letter.urgency == Letter.Urgency.USUAL else f"⚠️ {letter.get_urgency_display()} · "
    lines = [f"*{mark}{titled(letter)}*"]
    if row.is_copy:
        lines.append(_("A copy for you."))
    lines.append(_("From: %(body)s") % {"body": letter.node.name})
    if row.item is not None:
        lines.append(
            _("Wanted: %(what)s, by %(time)s")
            % {"what": letter.get_wants_display(), "time": when(due, now=now)}
        )
    path = reverse("correspondence:letter", args=[letter.public_id])
    if not letter.is_classified:
        rest = [f"{settings.PUBLIC_URL}{path}"]
        if files:
            counted = ngettext(
                "%(count)d attachment, on the page.",
                "%(count)d attachments, on the page.",
                files,
            )
            rest.insert(0, counted % {"count": files})
        room = ROOM - len("\n".join([*lines, "", "", *rest])) - (ROOM_OF_DEPUTY if is_deputy else 0)
        return "\n".join([*lines, "", cut(letter.text, max(1, min(LONGEST, room))), *rest])
    if letter.is_secret:
        lines.append(_("It may be read on the platform only."))
    elif not is_deputy:
        secret = secrets.token_urlsafe(24)
        row.link_hash = hash_of(secret)
        path = reverse("correspondence:open", args=[secret])
        lines.append(_("The link opens once, after signing in; it is yours alone."))
    return "\n".join([*lines, f"{settings.PUBLIC_URL}{path}"])


def cut(text: str, longest: int) -> str:
    """So much of a text, ended at a word."""
    return text if len(text) <= longest else f"{text[: longest - 1].rsplit(' ', 1)[0]}…"


def _tell_of_recall(letter: Letter, rows: Sequence[Recipient], *, now: datetime) -> None:
    words = []
    own = {row.member_id for row in rows}
    by_key = {str(row.public_id): row for row in rows}
    # Those who stood in for one of them when it came.
    deputies = Reach.objects.filter(
        subject_type=RECIPIENT, subject_key__in=by_key, round=0, member__is_active=True
    ).exclude(member__in=own)
    told = [(row, row.member) for row in rows] + [
        (by_key[one.subject_key], one.member)
        for one in deputies.select_related("member")
        if one.member is not None
    ]
    for row, member in told:
        with override(member.language):
            text = _("%(letter)s was recalled. Please do not act on it, and do not pass it on.") % {
                "letter": named(letter)
            }
            words.append(
                Telling(
                    member=member, key=str(row.public_id), node_id=row.node_id, text=text,
                    title=_("Recalled: %(letter)s") % {"letter": named(letter)}, due_at=now,
                )
            )  # fmt: skip
    work.tell_each(words, subject_type=RECIPIENT, now=now, lane=Outgoing.Lane.WORK, round=RECALLED)
    for row in rows:
        row.recall_told_at = now
    Recipient.objects.bulk_update(rows, ["recall_told_at"])
