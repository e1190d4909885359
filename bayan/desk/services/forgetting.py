"""A report from the field whose period is over (retention): emptied, so that the days keep their counts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.rls import as_worker
from bayan.desk.models import FieldReport
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member

FIELD_REPORT = "field_report"


@transaction.atomic
def forget_report(key: UUID, *, by: Member, now: datetime) -> str:
    """Empty a report: words, pictures, place, who sent it. Body, time and how many files it had stay.

    What of it stands in a case is kept as long as the case. Returns the SHA-256 of what it was.
    """
    with as_worker():
        report = FieldReport.objects.select_for_update(of=("self",)).get(public_id=key)
        messages = Message.objects.filter(pk__in=report.messages, matter="")
        digest = inbox.digest_of(messages, str(report.public_id), report.text, report.place)
        media = inbox.forget_messages(messages)
        FieldReport.objects.filter(pk=report.pk).update(
            text="", place="", latitude=None, longitude=None, member=None, awaits_until=None
        )
        channels.discard_media(media)
        audit.record(
            audit.Entry(
                action="field_report.emptied", subject_type=FIELD_REPORT, subject_key=str(key), by=by,
                at=now, node_id=report.node_id, details={"sha256": digest},
            )
        )  # fmt: skip
    return digest
