"""A second opinion: another model is asked about new cases, and its labels replace those of the first.

It is asked in the background, outside of any transaction. A message is taken in and labelled by Bayan's own
model whether or not the other one answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q

from bayan.cases.models import Case, Reading, RoutingDecision, SecondReader
from bayan.cases.services import clocks, shedding
from bayan.cases.services.parts import due, entry, lock_all
from bayan.cases.services.understanding import LONGEST, OFFERED
from bayan.cases.surge.models import Surge
from bayan.core import audit, live
from bayan.core.models import AuditEntry
from bayan.inbox.models import Message
from bayan.triage.endpoint import (
    AT_ONCE,
    Answer,
    Endpoint,
    Unanswered,
    Unreachable,
    ask_all,
    more_urgent,
)
from bayan.triage.masking import masked

BATCH = 4 * AT_ONCE
# Whoever asks may be killed: after so long another asks. Longer than a batch takes.
LEASE = timedelta(minutes=2)
# What was not answered is asked again after so long, so often at the most.
PAUSE, TRIES = timedelta(minutes=1), 3
# By then members have looked at the case themselves.
WORTH = timedelta(hours=6)
# After so many failures in a row nobody is asked for a while; then one message tries.
FAILURES, REST = 5, timedelta(minutes=1)

log = structlog.get_logger(__name__)


def give_second_opinions(endpoint: Endpoint, *, now: datetime) -> int:
    """Ask about the next cases that wait for it; returns how many were asked about."""
    if shedding.is_put_off(Surge.Step.SECOND_OPINION):
        return 0
    reader, _is_new = SecondReader.objects.get_or_create(model=endpoint.model)
    if reader.rests_until and reader.rests_until > now:
        return 0
    claimed = _claim(1 if reader.failures >= FAILURES else BATCH, now=now)
    if not claimed:
        return 0
    texts = _texts_of(claimed)
    # No transaction is open here: the answer may take seconds.
    answers = asyncio.run(ask_all(endpoint, list(texts.values())))
    said = dict(zip(texts, answers, strict=True))
    _take(claimed, said, endpoint, now=now)
    return len(claimed)


@transaction.atomic
def _claim(limit: int, *, now: datetime) -> list[int]:
    waiting = Reading.objects.filter(asks_at__lte=now)
    waiting.filter(Q(case__opened_at__lt=now - WORTH) | Q(tries__gte=TRIES)).update(asks_at=None)
    keys = list(
        waiting.order_by("asks_at")
        .select_for_update(skip_locked=True)
        .values_list("case_id", flat=True)[:limit]
    )
    Reading.objects.filter(case__in=keys).update(asks_at=now + LEASE, tries=F("tries") + 1)
    return keys


def _texts_of(keys: Sequence[int]) -> dict[int, str]:
    """The masked words that opened each case; none where they were taken back."""
    cases = {
        case.reference: case
        for case in Case.objects.open().filter(pk__in=keys).select_related("contact")
    }
    first: dict[str, Message] = {}
    for message in (
        Message.objects.filter(matter__in=cases, direction=Message.Direction.IN)
        .exclude(text="")
        .order_by("-sent_at", "-pk")
    ):
        first[message.matter] = message
    return {
        case.pk: masked(
            first[reference].text[:LONGEST], {case.contact.name, case.contact.channel_name}
        )
        for reference, case in cases.items()
        if reference in first and not first[reference].revoked_at
    }


@transaction.atomic
def _take(
    keys: Sequence[int],
    said: Mapping[int, Answer | Unanswered],
    endpoint: Endpoint,
    *,
    now: datetime,
) -> None:
    """Write down what came of a batch: labels, what is to be asked again, and how the endpoint does."""
    cases = lock_all(Case.objects.open().filter(pk__in=keys))
    readings = Reading.objects.filter(asks_at__isnull=False).in_bulk(keys)
    untouched = _untouched(cases)
    sorted_by_rules = set(
        RoutingDecision.objects.filter(case__in=keys)
        .exclude(category="")
        .values_list("case_id", flat=True)
    )
    changed: list[Case] = []
    for case in cases:
        answer, reading = said.get(case.pk), readings.get(case.pk)
        if isinstance(answer, Answer) and reading is not None and case.pk in untouched:
            given = case.category
            _replace(case, reading, answer, endpoint)
            if case.pk in sorted_by_rules:
                case.category = given
            changed.append(case)
    for key, reading in readings.items():
        is_to_be_asked_again = isinstance(said.get(key), Unreachable)
        reading.asks_at = now + PAUSE if is_to_be_asked_again else None
    Reading.objects.bulk_update(readings.values(), ["said", "version", "asks_at"])
    Case.objects.bulk_update(changed, ["kind", "category", "priority", "due_at"])
    clocks.follow(changed)
    clocks.page_duty(changed, now=now)
    audit.record_all(
        entry(
            "case.read_again", case, by=audit.SYSTEM, now=now,
            case_kind=case.kind, category=case.category, priority=case.priority,
        )
        for case in changed
    )  # fmt: skip
    live.announce((case.node_id, "case", case.public_id) for case in changed)
    _note(list(said.values()), endpoint, now=now)


def _untouched(cases: Collection[Case]) -> set[int]:
    """Those with which no member has done anything yet: the trail names everybody who has."""
    touched = set(
        AuditEntry.objects.filter(
            subject_type="case", subject_key__in=[case.reference for case in cases]
        )
        .exclude(actor_label__in=["system", "contact"])
        .values_list("subject_key", flat=True)
    )
    return {case.pk for case in cases if case.reference not in touched}


def _replace(case: Case, reading: Reading, answer: Answer, endpoint: Endpoint) -> None:
    """Let the other model's labels stand; an urgency that was heard is never lowered."""
    case.kind, case.category = answer.kind, answer.category
    case.priority = more_urgent(case.priority, answer.urgency)
    case.due_at = due(case)
    said = dict(reading.said)
    for field, label in (
        ("kind", answer.kind),
        ("category", answer.category),
        ("sentiment", answer.sentiment),
        ("priority", more_urgent(said["priority"][0], answer.urgency)),
    ):
        first, sure, _words, others = said[field]
        # Where both agree, it stands with the words that weighed; where not, the first is offered.
        if label != first:
            rest = [pair for pair in others if pair[0] != label]
            said[field] = [label, None, [], [[first, sure], *rest][:OFFERED]]
    signs = said["signs"]
    said["signs"] = (
        {"emergency": signs["emergency"]}
        | {f"info_type.{name}": signs.get(f"info_type.{name}") for name in answer.info_types}
        | ({"rumour_claim": signs.get("rumour_claim")} if answer.is_rumour_claim else {})
    )
    reading.said, reading.version = said, endpoint.model[:40]


def _note(answers: Sequence[Answer | Unanswered], endpoint: Endpoint, *, now: datetime) -> None:
    """How the endpoint does: in a row that all workers share, and `bayan doctor` reads."""
    reader = SecondReader.objects.select_for_update().get(model=endpoint.model)
    for answer in answers:
        if isinstance(answer, Unreachable):
            reader.failures += 1
        else:
            reader.failures = 0
        if isinstance(answer, Unanswered):
            reader.failed_at, reader.failure = now, str(answer)[:60]
        else:
            reader.answered_at, reader.answered = now, reader.answered + 1
    if reader.failures >= FAILURES:
        reader.rests_until = now + REST
        log.warning("second_reader.rests", failures=reader.failures, reason=reader.failure)
    reader.save()
    log.info("second_reader.asked", messages=len(answers), failures=reader.failures)
