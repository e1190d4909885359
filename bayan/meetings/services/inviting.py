"""What the worker does about meetings: invites, reminds, tells of cancelling, hands out minutes; each once.

A batch is one transaction, as with polls (`telling`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import Error, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.models import Outgoing, Reach
from bayan.core.queries import Waits
from bayan.meetings.models import Invitee, Meeting
from bayan.meetings.selectors.deputies import deputies_of, not_asked_yet
from bayan.meetings.services.calling import INVITEE
from bayan.meetings.services.parts import announce
from bayan.meetings.services.wording import instead_of
from bayan.work import services as work
from bayan.work.services import Telling

BATCH = 200
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# A message with buttons carries 1,024 characters; so many without its heading.
ROOM = 930
# In which round of a revision somebody is told what; there are so many of them.
INVITATION, DAY_BEFORE, HOUR_BEFORE, CANCELLED, MINUTES = range(5)
ROUNDS = 10
Answer = Invitee.Answer
log = structlog.get_logger(__name__)

type Say = Callable[[Meeting, Invitee, datetime], Telling]


def tend_meetings(*, now: datetime) -> int:
    """Do for all meetings what is due; returns how many people were told something."""
    done = 0
    moments = now, now + HOUR, now + DAY
    if not _WAITS(*moments):
        return done
    for waiting, said in _steps(*moments):
        meetings = Meeting.objects.filter(
            Exists(Invitee.objects.filter(waiting, meeting=OuterRef("pk")))
        )
        for key in meetings.order_by("pk").values_list("pk", flat=True):
            try:
                while some := _tell_some(key, waiting, said, now=now):
                    done += some
            except Error:
                raise
            except Exception:
                # One that cannot be told must not hold up the others.
                log.exception("meeting.failed", meeting=key)
    return done


def _steps(
    now: datetime, in_an_hour: datetime, in_a_day: datetime
) -> list[tuple[Q, Callable[[Meeting, Sequence[Invitee], datetime], None]]]:
    """Who waits to be told, and how: each as a condition on the invited."""
    called = Q(meeting__state="called")
    comes = called & ~Q(answer=Answer.EXCUSED) & Q(told_revision=F("meeting__revision"))
    return [
        (
            called
            & Q(
                told_revision__lt=F("meeting__revision"),
                meeting__leaves_at__lte=now,
                meeting__starts_at__gt=now,
            ),
            _invite,
        ),
        (
            called
            & Q(answer="", told_revision=F("meeting__revision"), meeting__starts_at__gt=now)
            & Q(
                not_asked_yet(
                    INVITEE,
                    OuterRef(OuterRef("told_revision")) * Value(ROUNDS) + Value(INVITATION),
                    now=now,
                )
            ),
            _invite_deputies,
        ),
        (
            comes
            & Q(
                day_told_at=None,
                meeting__starts_at__lte=in_a_day,
                meeting__starts_at__gt=in_an_hour,
                # Whoever was invited within that day knows.
                meeting__called_at__lte=F("meeting__starts_at") - DAY,
            ),
            _remind_day,
        ),
        (
            comes
            & Q(
                hour_told_at=None,
                meeting__starts_at__lte=in_an_hour,
                meeting__starts_at__gt=now,
                meeting__called_at__lte=F("meeting__starts_at") - HOUR,
            ),
            _remind_hour,
        ),
        (
            Q(meeting__state="cancelled", told_revision__gte=0, cancel_told_at=None),
            _tell_cancelled,
        ),
        (Q(meeting__minutes_state="approved", minutes_told_at=None), _hand_out),
    ]


_WAITS = Waits(
    lambda *moments: [Invitee.objects.filter(waiting) for waiting, _said in _steps(*moments)],
    datetime, datetime, datetime,
)  # fmt: skip


@transaction.atomic
def _tell_some(
    key: int,
    waiting: Q,
    said: Callable[[Meeting, Sequence[Invitee], datetime], None],
    *,
    now: datetime,
) -> int:
    meeting = (
        Meeting.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("node")
        .prefetch_related("agenda")
        .filter(pk=key)
        .first()
    )
    if meeting is None:
        return 0
    rows = list(
        Invitee.objects.filter(waiting, meeting=meeting)
        .select_related("member", "node")
        .order_by("node", "pk")[:BATCH]
        .select_for_update(of=("self",))
    )
    if rows:
        said(meeting, rows, now)
        announce(meeting)
    return len(rows)


def _invite(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    _tell(meeting, rows, INVITATION, _invitation, now=now)
    round_ = meeting.revision * ROUNDS + INVITATION
    reaches = {
        (key, member): pk
        for key, member, pk in Reach.objects.filter(
            subject_type=INVITEE, subject_key__in=[str(row.public_id) for row in rows], round=round_
        ).values_list("subject_key", "member", "pk")
    }
    for row in rows:
        row.told_revision = meeting.revision
        row.reach_id = reaches.get((str(row.public_id), row.member_id))
    Invitee.objects.bulk_update(rows, ["told_revision", "reach"])


def _invite_deputies(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    """Invite whoever stands in by now for somebody who was invited and has not answered."""
    _send(meeting, _to_deputies(meeting, rows, _invitation, now=now), INVITATION, now=now)


def _remind_day(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    _tell(meeting, rows, DAY_BEFORE, _reminder, now=now)
    for row in rows:
        row.day_told_at = now
    Invitee.objects.bulk_update(rows, ["day_told_at"])


def _remind_hour(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    _tell(meeting, rows, HOUR_BEFORE, _reminder, now=now)
    for row in rows:
        row.hour_told_at = now
    Invitee.objects.bulk_update(rows, ["hour_told_at"])


def _tell_cancelled(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    _tell(meeting, rows, CANCELLED, _cancelling, now=now)
    for row in rows:
        row.cancel_told_at = now
    Invitee.objects.bulk_update(rows, ["cancel_told_at"])


def _hand_out(meeting: Meeting, rows: Sequence[Invitee], now: datetime) -> None:
    _tell(meeting, rows, MINUTES, _minutes, now=now)
    for row in rows:
        row.minutes_told_at = now
    Invitee.objects.bulk_update(rows, ["minutes_told_at"])


def _tell(
    meeting: Meeting, rows: Sequence[Invitee], place: int, say: Say, *, now: datetime
) -> None:
    words = []
    for row in rows:
        with override(row.member.language):
            words.append(say(meeting, row, now))
    if place != MINUTES:
        words += _to_deputies(meeting, rows, say, now=now)
    _send(meeting, words, place, now=now)


def _to_deputies(
    meeting: Meeting, rows: Sequence[Invitee], say: Say, *, now: datetime
) -> list[Telling]:
    deputies = deputies_of([row.member_id for row in rows], now=now)
    words = []
    for row in rows:
        if deputy := deputies.get(row.member_id):
            with override(deputy.language):
                word = say(meeting, row, now)
                words.append(replace(word, member=deputy, text=instead_of(row.member, word.text)))
    return words


def _send(meeting: Meeting, words: Sequence[Telling], place: int, *, now: datetime) -> None:
    work.tell_each(
        words, subject_type=INVITEE, now=now, lane=Outgoing.Lane.WORK,
        round=meeting.revision * ROUNDS + place,
    )  # fmt: skip


def invitation_text(meeting: Meeting, *, now: datetime) -> str:
    """The invitation as everybody gets it, whole in itself; of a long agenda its beginning."""
    heading = _("Meeting moved") if meeting.revision else _("Invitation to a meeting")
    lines = [
        f"*{heading}: {meeting.title}*",
        _("Begins: %(time)s") % {"time": work.when(meeting.starts_at, now=now)},
        *_where(meeting),
    ]
    rest = [
        _("For your calendar: %(address)s") % {"address": _address("calendar", meeting)},
        _address("meeting", meeting),
    ]
    room = ROOM - len("\n".join([*lines, "", "", *rest]))
    agenda = []
    for item in meeting.agenda.all():
        line = f"{item.position}. {item.title}"
        room -= len(line) + 1
        if room < 0:
            break
        agenda.append(line)
    return "\n".join([*lines, *agenda, *rest])


def _where(meeting: Meeting) -> list[str]:
    found = []
    if meeting.place:
        found.append(_("Place: %(place)s") % {"place": meeting.place})
    if meeting.link:
        found.append(_("Link: %(address)s") % {"address": meeting.link})
    return found


def address_of_meeting(meeting: Meeting) -> str:
    return _address("meeting", meeting)


def _address(name: str, meeting: Meeting) -> str:
    return f"{settings.PUBLIC_URL}{reverse(f'meetings:{name}', args=[meeting.public_id])}"


def answers_of(meeting: Meeting) -> list[tuple[str, str]]:
    """What can be pressed under the invitation; each button knows which invitation it was."""
    return [
        (f"meet-comes-{meeting.revision}", _("I come")),
        (f"meet-excused-{meeting.revision}", _("I cannot come")),
        (f"meet-sends-{meeting.revision}", _("Somebody for me")),
    ]


def _invitation(meeting: Meeting, row: Invitee, now: datetime) -> Telling:
    name = _("Meeting moved") if meeting.revision else _("Invitation to a meeting")
    text = invitation_text(meeting, now=now)
    return _word(meeting, row, text, f"{name}: {meeting.title}", buttons=answers_of(meeting))


def _reminder(meeting: Meeting, row: Invitee, now: datetime) -> Telling:
    title = _("Reminder of the meeting: %(title)s") % {"title": meeting.title}
    lines = [
        f"*{title}*",
        _("Begins: %(time)s") % {"time": work.when(meeting.starts_at, now=now)},
        *_where(meeting),
        _address("meeting", meeting),
    ]
    # Who has answered is not asked again.
    buttons = [] if row.answer else answers_of(meeting)
    return _word(meeting, row, "\n".join(lines), title, buttons=buttons)


def _cancelling(meeting: Meeting, row: Invitee, now: datetime) -> Telling:
    title = _("Meeting cancelled: %(title)s") % {"title": meeting.title}
    text = _("The meeting “%(title)s” on %(time)s is cancelled: %(reason)s") % {
        "title": meeting.title,
        "time": work.when(meeting.starts_at, now=now),
        "reason": meeting.cancel_reason,
    }
    return _word(meeting, row, text, title)


def _minutes(meeting: Meeting, row: Invitee, now: datetime) -> Telling:
    title = _("Minutes of the meeting: %(title)s") % {"title": meeting.title}
    text = _("The minutes of the meeting “%(title)s” are approved:\n%(address)s") % {
        "title": meeting.title,
        "address": _address("minutes_document", meeting),
    }
    return _word(meeting, row, text, title)


def _word(
    meeting: Meeting,
    row: Invitee,
    text: str,
    title: str,
    *,
    buttons: Sequence[tuple[str, str]] = (),
) -> Telling:
    return Telling(
        member=row.member,
        key=str(row.public_id),
        node_id=row.node_id,
        text=text,
        title=title,
        due_at=meeting.starts_at,
        buttons=buttons,
    )
