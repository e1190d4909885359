"""Reminding persons for whose words a case waits, before their 24 hours are over; run by the worker."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case, Reminded
from bayan.cases.services import clocks
from bayan.cases.services.parts import entry, lock_all
from bayan.core import audit
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.work.models import Clock

# So long after they were asked, while they can still be written to freely; and so long before that ends.
AFTER, BEFORE_THE_END = timedelta(hours=20), timedelta(minutes=15)
WINDOW = timedelta(hours=24)
AT_ONCE = 100


@transaction.atomic
def remind_people(*, now: datetime) -> int:
    """Remind, once each time that a case waits, those who were asked twenty hours ago; returns how many.

    Only within their 24 hours. Beyond, the clock of the person's silence tells whoever has the case.
    """
    waiting = dict(
        Clock.objects.filter(
            subject_type=clocks.CASE,
            name=clocks.PERSON,
            ended_at=None,
            since__lte=now - AFTER,
            since__gt=now - WINDOW,
        )
        .order_by("since")
        .values_list("subject_key", "since")
    )
    if not waiting:
        return 0
    rows = Case.objects.filter(
        reference__in=waiting,
        stage=Case.Stage.WAITS_FOR_PERSON,
        conversation__last_inbound_at__gt=now - WINDOW + BEFORE_THE_END,
    )
    done = Reminded.objects.filter(case__in=rows, since__in=waiting.values())
    known = set(done.values_list("case__reference", "since"))
    wanted = {
        key: conversation
        for key, reference, conversation in rows.values_list("pk", "reference", "conversation")
        if (reference, waiting[reference]) not in known
    }
    # Conversations before cases, as everywhere: two orders would wait for each other.
    conversations = {
        row.pk: row
        for row in Conversation.objects.filter(pk__in=list(wanted.values())[:AT_ONCE])
        .select_related("node", "number__account", "contact")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    reminded = []
    for case in lock_all(rows.filter(pk__in=wanted, conversation__in=conversations)):
        conversation = conversations[case.conversation_id]
        conversation.matter = case.reference
        with override("ar"):
            text = _(
                "A reminder: we are waiting for your answer, so that we can go on with your report. "
                "Write to us here, or send a photo or your location."
            )
        # Whoever has the case hears of it when the person goes on being silent.
        with suppress(inbox.WindowClosed):
            inbox.send(conversation, text, by=None, now=now)
            reminded.append(Reminded(case=case, since=waiting[case.reference], at=now))
    Reminded.objects.bulk_create(reminded)
    audit.record_all(
        entry("case.person_reminded", row.case, by=audit.SYSTEM, now=now) for row in reminded
    )
    return len(reminded)
