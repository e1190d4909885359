"""Reminding persons for whose words a case waits, before their 24 hours are over and once after."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Case, CaseQuerySet, Reminded
from bayan.cases.services import clocks
from bayan.cases.services.parts import entry, lock_all
from bayan.core import audit
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.work.models import Clock

# So long after they were asked, while they can still be written to freely; and so long before that ends.
AFTER, BEFORE_THE_END = timedelta(hours=20), timedelta(minutes=15)
WINDOW = timedelta(hours=24)
# So long after they were asked, once they cannot; later than that it is for whoever has the case.
LATER, AT_THE_LATEST = timedelta(hours=48), timedelta(days=4)
AT_ONCE = 100
Way = Reminded.Way


@transaction.atomic
def remind_people(*, now: datetime) -> int:
    """Remind, once each time that a case waits, those who were asked twenty hours ago; returns how many.

    Within their 24 hours by words. Whoever is still silent two days after, outside them, is asked once more
    by the approved template that opens the conversation, where there is one. Beyond, the clock of the
    person's silence tells whoever has the case.
    """
    return _remind(Way.WORDS, now=now) + _remind(Way.TEMPLATE, now=now)


def _remind(way: Reminded.Way, *, now: datetime) -> int:
    after, latest = (AFTER, WINDOW) if way == Way.WORDS else (LATER, AT_THE_LATEST)
    waiting: dict[str, datetime] = dict(
        Clock.objects.filter(
            subject_type=clocks.CASE,
            name=clocks.PERSON,
            ended_at=None,
            since__lte=now - after,
            since__gt=now - latest,
        )
        .order_by("since")
        .values_list("subject_key", "since")
    )
    if not waiting:
        return 0
    rows: CaseQuerySet = Case.objects.filter(
        reference__in=waiting, stage=Case.Stage.WAITS_FOR_PERSON
    )
    ends = now - WINDOW + BEFORE_THE_END
    if way == Way.WORDS:
        rows = rows.filter(conversation__last_inbound_at__gt=ends)
    else:
        accounts = rows.values_list("conversation__number__account", flat=True).distinct()
        openers = inbox.openers(list(accounts))
        rows = rows.filter(conversation__number__account__in=list(openers)).exclude(
            conversation__last_inbound_at__gt=ends
        )
    wanted = _wanted(rows, waiting, way)
    # Conversations before cases, as everywhere: two orders would wait for each other.
    conversations = {
        row.pk: row
        for row in Conversation.objects.filter(pk__in=list(wanted.values())[:AT_ONCE])
        .select_related("node", "number__account", "contact")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    reminded, done = [], []
    for case in lock_all(rows.filter(pk__in=wanted, conversation__in=conversations)):
        conversation = conversations[case.conversation_id]
        conversation.matter = case.reference
        done.append(Reminded(case=case, since=waiting[case.reference], at=now, way=way))
        # Whoever has the case hears of it when the person goes on being silent.
        with suppress(inbox.WindowClosed):
            if _tell(conversation, way, now=now):
                reminded.append(case)
    Reminded.objects.bulk_create(done)
    audit.record_all(
        entry("case.person_reminded", case, by=audit.SYSTEM, now=now, reminded=str(way))
        for case in reminded
    )
    return len(reminded)


def _wanted(
    rows: CaseQuerySet, waiting: Mapping[str, datetime], way: Reminded.Way
) -> dict[int, int]:
    """The conversations of those not reminded this way since then, by the case's key."""
    done = Reminded.objects.filter(case__in=rows, since__in=waiting.values(), way=way)
    known = set(done.values_list("case__reference", "since"))
    return {
        key: conversation
        for key, reference, conversation in rows.values_list("pk", "reference", "conversation")
        if (reference, waiting[reference]) not in known
    }


def _tell(conversation: Conversation, way: Reminded.Way, *, now: datetime) -> bool:
    with override(conversation.contact.language):
        text = _(
            "A reminder: we are waiting for your answer, so that we can go on with your report. "
            "Write to us here, or send a photo or your location."
        )
    if way == Way.WORDS:
        inbox.send(conversation, text, by=None, now=now)
        return True
    return inbox.notify(conversation, text, now=now) is not None
