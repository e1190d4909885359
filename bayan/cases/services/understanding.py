"""What triage makes of messages: labels for new cases, danger heard, and what members know better."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from bayan.cases.due import due_at
from bayan.cases.models import Case, Correction, Heard, Reading
from bayan.cases.services import clocks
from bayan.cases.services.parts import due, entry
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Account, Number
from bayan.core import audit, live
from bayan.core.queries import update_each
from bayan.inbox import services as inbox
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.triage.matters import seen_of
from bayan.triage.thresholds import Thresholds, read_thresholds

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# So many of the other labels are offered for a correction by one click.
OFFERED = 3
# What a member corrects, by the name that triage has for it.
LABELS = {"kind": "kind", "category": "category", "priority": "urgency"}
# The longest text that is read; the rest of a longer one says no more of what it is about.
LONGEST = 4_000

log = structlog.get_logger(__name__)


@cache
def reader() -> triage.Triage | None:
    """Triage with this authority's places and the model in use; None where there is no authority.

    Read once in a process: after `bayan train --use` Bayan is started again.
    """
    # Only workers read: numpy and the rest are not loaded by every process.
    from bayan.triage.reading import Triage

    if settings.AUTHORITY_DIR is None:
        return None
    return Triage.load(settings.AUTHORITY_DIR, settings.MODEL_DIR)


@cache
def thresholds() -> Thresholds:
    """How sure triage must be, as this authority has it; read once in a process."""
    folder = settings.AUTHORITY_DIR
    return Thresholds() if folder is None else read_thresholds(folder)


def read(
    messages: Sequence[IncomingMessage], *, near: Mapping[str, str]
) -> dict[str, triage.Reading]:
    """What triage says of each message that has words, by the message's id.

    `near`: where its sender wrote from before, by the same. Never an error: it is left out then.
    """
    said: dict[str, triage.Reading] = {}
    reads = reader()
    if reads is None:
        return said
    for message in messages:
        if message.kind in inbox.TOUCHES or not message.text.strip():
            continue
        try:
            said[message.external_id] = reads.read(
                message.text[:LONGEST],
                near=near.get(message.external_id, ""),
                passed_on_often=message.forwarded == Message.Forwarded.OFTEN,
            )
        except Exception:
            # A person's message must come in even if no program understands it.
            log.exception("triage.failed", request_id=message.request_id)
    return said


def label(case: Case, reading: triage.Reading, *, now: datetime) -> Reading:
    """Give a new case, not yet saved, what triage is sure of.

    Returns what it said, to be saved after the case.
    """
    of = reading.confidence
    if thresholds().is_sure("kind", reading.kind, of["kind"]):
        case.kind = reading.kind
    if thresholds().is_sure("category", reading.category, of["category"]):
        case.category = reading.category
    case.priority = reading.urgency
    case.due_at = due(case)
    if not case.place and reading.places:
        case.place = "، ".join(dict.fromkeys(place.text for place in reading.places))[:200]
    return Reading(
        case=case,
        said=said_of(reading),
        version=str(reading.model.card["version"]),
        asks_at=now if _wants_a_second(reading) else None,
    )


def _wants_a_second(reading: triage.Reading) -> bool:
    """Whether another model is to be asked, where the operator has named one (`services.second`)."""
    endpoint = settings.TRIAGE_ENDPOINT
    if endpoint is None:
        return False
    return endpoint.asks_always or not thresholds().are_met_by(reading)


def said_of(reading: triage.Reading) -> dict[str, object]:
    """A reading as `Reading.said` keeps it."""
    reasons = reading.reasons

    def one(head: str) -> list[object]:
        label = getattr(reading, head)
        others = sorted(
            ((name, share) for name, share in reading.shares(head).items() if name != label),
            key=lambda pair: -pair[1],
        )
        return [
            label,
            round(reading.confidence[head], 3),
            reasons[head],
            [[name, round(share, 3)] for name, share in others[:OFFERED]],
        ]

    return {
        "kind": one("kind"),
        "category": one("category"),
        "sentiment": one("sentiment"),
        "priority": one("urgency"),
        "language": reading.language,
        "body": reading.municipality,
        "places": [place.text for place in reading.places],
        **({"passed_on": "often"} if reading.is_passed_on_often else {}),
        "signs": {
            name: round(value, 3)
            for name, value in reading.confidence.items()
            if name == "emergency"
            or (name == "rumour_claim" and reading.is_rumour_claim)
            or name.startswith("info_type.")
        },
    }


def hear_danger(
    readings: Mapping[str, triage.Reading],
    arrivals: Sequence[inbox.Arrival],
    *,
    but: Collection[str],
    now: datetime,
) -> list[Case]:
    """An open case whose person now writes of danger to life becomes an emergency. Returns which do."""
    heard = {
        arrival.matter: arrival.message
        for arrival in arrivals
        if arrival.matter
        and arrival.matter not in but
        and (reading := readings.get(arrival.message.external_id))
        and reading.urgency == Case.Priority.EMERGENCY
    }
    if not heard:
        return []
    cases = list(
        Case.objects.open()
        .filter(reference__in=heard)
        .exclude(priority=Case.Priority.EMERGENCY)
        .select_related("contact", "node")
    )
    for case in cases:
        case.priority = Case.Priority.EMERGENCY
        case.due_at = min(
            due(case),
            due_at(
                kind=case.kind,
                category=case.category,
                priority=case.priority,
                since=now,
                of=case.node_id,
            ),
        )
    update_each(cases, ["priority", "due_at"])
    clocks.follow(cases)
    clocks.page_duty(cases, now=now)
    audit.record_all(
        entry(
            "case.danger_heard",
            case,
            by=case.contact,
            now=now,
            request_id=heard[case.reference].request_id,
        )
        for case in cases
    )
    live.announce((case.node_id, "case", case.public_id) for case in cases)
    return cases


def keep_heard(readings: Mapping[str, triage.Reading], messages: Sequence[IncomingMessage]) -> None:
    """Leave what these messages add to the counts where `bursts.look` finds it.

    An exercise's or a demo's account runs on the times that its messages bear, so that a recorded stream
    can be played faster; real messages count when they came in.
    """
    if not readings:
        return
    rehearsing = _numbers_that_rehearse()
    rows = []
    for message in messages:
        reading = readings.get(message.external_id)
        if reading is None:
            continue
        at = message.sent_at if message.number_id in rehearsing else message.received_at
        seen = seen_of(reading, id=message.external_id, at=at)
        rows.append(
            Heard(
                external_id=message.external_id,
                at=at,
                about=[list(pair) for pair in seen.about],
                terms=dict(seen.terms),
            )
        )
    Heard.objects.bulk_create(rows)


def _numbers_that_rehearse() -> set[int]:
    if settings.IS_DEMO:
        return set(Number.objects.values_list("pk", flat=True))
    return set(
        Number.objects.filter(account__nature=Account.Nature.EXERCISE).values_list("pk", flat=True)
    )


def note_corrections(
    cases: Sequence[Case],
    fields: Collection[str],
    *,
    by: Member,
    now: datetime,
    right: Callable[[Case, str], str] | None = None,
) -> None:
    """Keep where a member's label differs from what triage had said; where it agrees again, forget it."""
    wanted = [field for field in fields if field in LABELS or field == "body"]
    if not wanted or not cases:
        return
    readings = Reading.objects.in_bulk([case.pk for case in cases])
    kept: list[Correction] = []
    agreed: list[tuple[int, str]] = []
    for case in cases:
        reading = readings.get(case.pk)
        if reading is None:
            continue
        for field in wanted:
            given = reading.said.get(field)
            said, sure = (given or "", 0.0) if field == "body" else (given[0], given[1] or 0.0)
            value = right(case, field) if right else getattr(case, field)
            if value == said or not value:
                agreed.append((case.pk, field))
                continue
            kept.append(
                Correction(
                    case=case, field=field, said=said, confidence=sure, right=value,
                    version=reading.version, by=by, at=now,
                )
            )  # fmt: skip
    Correction.objects.bulk_create(
        kept,
        update_conflicts=True,
        unique_fields=["case", "field"],
        update_fields=["said", "confidence", "right", "version", "by", "at"],
    )
    for field in wanted:
        same = [pk for pk, name in agreed if name == field]
        if same:
            Correction.objects.filter(case__in=same, field=field).delete()
