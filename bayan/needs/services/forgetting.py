"""A request whose period is over (retention): emptied, so that the year's inventory keeps it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.needs.models import Need
from bayan.needs.services.asking import TOLD
from bayan.needs.services.steps import NEED
from bayan.people.models import Member
from bayan.work import services as work


class StillWanted(DomainError):
    pass


@transaction.atomic
def forget_need(key: UUID, *, by: Member, now: datetime) -> str:
    """Empty a request that is over: words, answers, files, who asked. Kind, counts and times stay.

    Returns the SHA-256 of what it was.

    :raises StillWanted: something is still to be done for it
    """
    with as_worker():
        need = Need.objects.select_for_update(of=("self",)).get(public_id=key)
        if need.is_open:
            raise StillWanted(_("Something is still to be done for this request."))
        facts = [need.reference, need.title, need.answers, need.reason]
        facts += need.steps.order_by("pk").values_list("words", flat=True)
        digest = hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()
        subject = (NEED, str(need.public_id))
        work.withdraw_of(subject, by=by, now=now)
        media = work.forget_of(subject)
        media += need.attachments.values_list("media", flat=True)
        need.attachments.all().delete()
        channels.forget_letters(TOLD, [str(need.public_id)])
        need.steps.update(words="", by=None, by_name="")
        Need.objects.filter(pk=need.pk).update(
            title="—", answers={}, reason="—" if need.reason else "", asked_by=None, decided_by=None
        )
        channels.discard_media(media)
        audit.record(
            audit.Entry(
                action="need.emptied", subject_type=NEED, subject_key=str(key), by=by, at=now,
                node_id=need.node_id, details={"number": need.reference, "sha256": digest},
            )
        )  # fmt: skip
    return digest
