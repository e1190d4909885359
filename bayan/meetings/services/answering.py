"""What those invited press and write in WhatsApp: whether they come, and who comes in their place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.meetings.models import Invitee
from bayan.meetings.selectors.deputies import stands_in
from bayan.meetings.services.calling import INVITEE, answer_invitation
from bayan.meetings.services.inviting import address_of_meeting, answers_of, invitation_text
from bayan.people.models import Member
from bayan.work import services as work

# So long a member's next message is taken for the name that they were asked for.
AWAITED = timedelta(minutes=30)
Answer = Invitee.Answer


@transaction.atomic
def receive_answers(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Note what members pressed under an invitation. Returns what is none of a member's."""
    rows = {
        str(row.public_id): row
        for row in Invitee.objects.filter(
            public_id__in=[key for _message, key in replies]
        ).select_related("meeting__node")
    }

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        _take(rows.get(key), message, member, conversation, now=now)

    # A letter has no buttons: its page takes the answer.
    letters = [message for message, _key in replies if message.email]
    pressed = [(message, key) for message, key in replies if not message.email]
    return letters + work.hear_each(pressed, do, now=now)


def hear_names(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Take the name that a member was just asked for; returns the messages' ids."""
    taken = set()
    for message, member in messages:
        if message.kind != "text" or message.choice_id or len(message.text) > 120:
            continue
        row = (
            Invitee.objects.filter(member=member, awaits_until__gt=now)
            .select_related("meeting")
            .order_by("-awaits_until")
            .first()
        )
        conversation = work.keep(message, member, now=now) if row else None
        if row is None or conversation is None:
            continue
        taken.add(message.external_id)
        with override(member.language):
            if work.word_of(message.text) in work.NEVER_MIND:
                Invitee.objects.filter(pk=row.pk).update(awaits_until=None)
                work.say(conversation, _("All right, nothing was changed."), now=now)
            else:
                _answer(row, Answer.SENDS, member, conversation, stand_in=message.text, now=now)
    return taken


def _take(
    row: Invitee | None,
    message: IncomingMessage,
    member: Member,
    conversation: Conversation,
    *,
    now: datetime,
) -> None:
    if row is None or not (row.member_id == member.pk or stands_in(member, row.member_id, now=now)):
        work.say(conversation, _("This invitation was sent to somebody else."), now=now)
        return
    what, _dash, rest = message.choice_id.partition("-")
    answer, _dash, revision = rest.partition("-")
    meeting = row.meeting
    if what != "meet" or not revision.isdecimal():
        if meeting.is_called and now < meeting.starts_at:
            inbox.send(
                conversation, invitation_text(meeting, now=now), by=None, now=now,
                buttons=answers_of(meeting), subject=(INVITEE, str(row.public_id)),
                lane=Outgoing.Lane.PERSON,
            )  # fmt: skip
        else:
            work.say(conversation, _("This meeting is over, or was cancelled."), now=now)
        return
    # The name is waited for from whoever is invited; a deputy writes it on the page.
    if answer == Answer.SENDS and row.member_id != member.pk:
        work.say(conversation, address_of_meeting(meeting), now=now)
        return
    if answer == Answer.SENDS and int(revision) == meeting.revision and meeting.is_called:
        work.stop_waiting(member, now=now)
        Invitee.objects.filter(pk=row.pk).update(awaits_until=now + AWAITED)
        work.say(
            conversation, _("Write in one message the name of whoever comes in your place."),
            now=now,
        )  # fmt: skip
        return
    _answer(row, answer, member, conversation, revision=int(revision), now=now)


def _answer(
    row: Invitee,
    answer: str,
    member: Member,
    conversation: Conversation,
    *,
    stand_in: str = "",
    revision: int | None = None,
    now: datetime,
) -> None:
    try:
        row = answer_invitation(
            row.meeting.public_id, answer, by=member, now=now, stand_in=stand_in,
            revision=revision, invitee_id=row.public_id,
        )  # fmt: skip
    except DomainError as refused:
        Invitee.objects.filter(pk=row.pk).update(awaits_until=None)
        work.say(conversation, str(refused), now=now)
        return
    match row.answer:
        case Answer.COMES:
            text = _("Noted: you come. You get a reminder a day and an hour before.")
        case Answer.EXCUSED:
            text = _("Noted: you cannot come. Whoever called the meeting sees it.")
        case _:
            text = _("Noted: %(name)s comes in your place.") % {"name": row.stand_in}
    work.say(conversation, text, now=now)
