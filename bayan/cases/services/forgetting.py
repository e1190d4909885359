"""A case whose period is over (retention): emptied of its person and words, so that the figures keep it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import (
    Alike,
    Asked,
    Attempt,
    Case,
    Closing,
    Directive,
    Forward,
    Picture,
    Reading,
    Sampled,
)
from bayan.cases.services.clocks import CASE
from bayan.cases.whole.models import Transfer
from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.inbox.models import Message, Note
from bayan.people.models import Member
from bayan.work import services as work


class StillWanted(DomainError):
    """It is open, or an instruction from above rests on it."""


@transaction.atomic
def forget_case(key: UUID, *, by: Member, now: datetime) -> str:
    """Empty a closed case: words, place, files, numbers, notes; and who it was, if nothing else is left.

    Body, kind, service, times, outcome and rating stay, and so do the figures. Returns the SHA-256 of what it
    was. An answer to everybody that it got stays with the matter.

    :raises StillWanted: it is open again, or a directive rests on it
    """
    with as_worker():
        case = (
            Case.objects.select_for_update(of=("self",))
            .select_related("conversation")
            .get(public_id=key)
        )
        if not case.is_closed or Directive.objects.filter(case=case).exists():
            raise StillWanted(
                _("%(number)s is open, or an instruction rests on it.") % {"number": case.reference}
            )
        messages = Message.objects.filter(matter=case.reference)
        digest = inbox.digest_of(messages, case.reference, case.subject, case.place)
        subject = (CASE, case.reference)
        work.withdraw_of(subject, by=by, now=now)
        media = work.forget_of(subject)
        conversations = list(
            {message.conversation for message in messages.select_related("conversation")}
            | {case.conversation}
        )
        media += inbox.forget_messages(messages)
        media += _empty(case)
        Note.objects.filter(matter=case.reference).delete()
        for conversation in conversations:
            inbox.settle(conversation)
        inbox.forget_people([case.contact_id])
        channels.discard_media(media)
        audit.record(
            audit.Entry(
                action="case.emptied", subject_type=CASE, subject_key=str(case.public_id), by=by,
                at=now, node_id=case.node_id, details={"number": case.reference, "sha256": digest},
            )
        )  # fmt: skip
    return digest


def _empty(case: Case) -> list[int]:
    """Take the words out of a case's own rows; returns the files that these do not use any more."""
    Case.objects.filter(pk=case.pk).update(
        subject="", place="", latitude=None, longitude=None, balady_number="",
        transaction_number="",
    )  # fmt: skip
    Reading.objects.filter(case=case).delete()
    Alike.objects.filter(case=case).delete()
    Alike.objects.filter(other=case).delete()
    Asked.objects.filter(case=case).update(place="", offered=[])
    Attempt.objects.filter(case=case).update(note="")
    Transfer.objects.filter(case=case).update(reason="—")
    Sampled.objects.filter(case=case).update(note="")
    Forward.objects.filter(case=case).update(text="", said={}, digests=[])
    media = list(Picture.objects.filter(case=case).values_list("media", flat=True))
    Picture.objects.filter(case=case).delete()
    proofs = Closing.objects.filter(case=case)
    media += [file for file in proofs.values_list("proof", flat=True) if file is not None]
    proofs.update(proof=None, words="")
    return media
