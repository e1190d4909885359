"""A letter whose period is over: destroyed by a director's decision (retention), never by itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core.rls import as_worker
from bayan.correspondence.models import Letter, Recipient
from bayan.correspondence.services.parts import LETTER, NotSent, locked, note
from bayan.correspondence.services.sending import RECIPIENT
from bayan.people.models import Member
from bayan.work import services as work


@transaction.atomic
def destroy(key: UUID, *, by: Member, now: datetime) -> str:
    """Destroy a letter that was sent: words, address, people, replies, views and files.

    What is left is the trail: its number, how many got it, and the fingerprint that is returned. What people
    wrote in conversations of their own stays there.

    :raises NotSent: it has not left
    """
    with as_worker():
        letter = locked(key)
        if letter.state not in {Letter.State.SENT, Letter.State.RECALLED}:
            raise NotSent(
                _("Only a letter that was sent has a period. Throw a draft away instead.")
            )
        digest = letter.submitted_hash or letter.fingerprint
        people = [str(one) for one in letter.recipients.values_list("public_id", flat=True)]
        media = list(letter.attachments.values_list("media", flat=True))
        subject = (LETTER, str(letter.public_id))
        work.withdraw_of(subject, by=by, now=now)
        media += work.forget_of(subject)
        channels.forget_letters(RECIPIENT, people)
        note(
            "letter.destroyed", letter, by=by, now=now, letter_kind=letter.kind,
            number=letter.reference, people=len(people), sha256=digest,
        )  # fmt: skip
        Recipient.objects.filter(letter=letter).delete()
        letter.delete()
        channels.discard_media(media)
    return digest
