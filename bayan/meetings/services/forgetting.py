"""A meeting whose period is over (retention): emptied of what was said, so that it stays counted."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.rls import as_worker
from bayan.meetings.models import Meeting
from bayan.meetings.services.calling import INVITEE
from bayan.meetings.services.parts import MEETING
from bayan.people.models import Member
from bayan.work import services as work


@transaction.atomic
def forget_meeting(key: UUID, *, by: Member, now: datetime) -> str:
    """Empty a meeting: title, agenda, minutes, decisions, names of stand-ins, files.

    That there was one, when, who was invited and who came stays. Returns the fingerprint of what was
    approved.
    """
    with as_worker():
        meeting = Meeting.objects.select_for_update(of=("self",)).get(public_id=key)
        digest = meeting.submitted_hash or meeting.fingerprint
        subject = (MEETING, str(meeting.public_id))
        work.withdraw_of(subject, by=by, now=now)
        media = work.forget_of(subject)
        agenda = meeting.agenda.all()
        media += [key for key in agenda.values_list("media", flat=True) if key is not None]
        agenda.update(title="—", presenter="", said="", media=None)
        meeting.decisions.update(text="—")
        people = [str(one) for one in meeting.invitees.values_list("public_id", flat=True)]
        channels.forget_letters(INVITEE, people)
        meeting.invitees.update(stand_in="")
        Meeting.objects.filter(pk=meeting.pk).update(
            title="—", place="", link="", remark="", cancel_reason=""
        )
        channels.discard_media(media)
        audit.record(
            audit.Entry(
                action="meeting.emptied", subject_type=MEETING, subject_key=str(key), by=by, at=now,
                node_id=meeting.node_id, details={"sha256": digest},
            )
        )  # fmt: skip
    return digest
