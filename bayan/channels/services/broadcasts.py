"""One template to many people: the list taken in, held until somebody starts it, followed to its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.channels.models import BadLine, Broadcast, Number, Outgoing, Pace, Template
from bayan.channels.services import recipients, templates
from bayan.channels.services.recipients import Recipient, Unusable
from bayan.channels.services.sending import wake_dispatcher
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.people.models import Member

# So many rows a statement: large enough to be fast, small enough for memory.
CHUNK = 5_000
# Nobody sends a broadcast of last month: what its people do with it is counted so long.
COUNTED_FOR = timedelta(days=14)
State = Broadcast.State
OVER = (State.FINISHED, State.CANCELLED)
# The parts of a template that a line of text can give.
FROM_A_LIST = {"text", "url", "code"}

# Who is known gets their contact; who wants no messages to many gets none.
PUT = """
    WITH listed AS (
        SELECT * FROM unnest(%(phones)s::text[], %(contents)s::jsonb[]) WITH ORDINALITY
            AS l (phone, content, position)
    ), known AS (
        SELECT l.*, i.contact_id, EXISTS (
            SELECT FROM people_optout o WHERE o.contact_id = i.contact_id AND o.ended_at IS NULL
        ) AS is_unwilling
        FROM listed l
        LEFT JOIN people_identity i ON i.scheme = 'phone' AND i.value = l.phone
    ), put AS (
        INSERT INTO channels_outgoing
            (node_id, number_id, contact_id, to_phone, to_whatsapp_id, content, template_id,
             broadcast_id, lane, subject_type, subject_key, request_id, state, attempts, not_before,
             created_at)
        SELECT %(node)s, %(number)s, contact_id, phone, '', content, %(template)s, %(broadcast)s,
               %(lane)s, '', '', %(request)s, 'held', 0, %(now)s, %(now)s
        FROM known WHERE NOT is_unwilling ORDER BY position
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put), (SELECT count(*) FROM known WHERE is_unwilling)
"""
COUNT = """
    SELECT state, count(*) FROM channels_outgoing WHERE broadcast_id = %s GROUP BY state
"""
# Why some failed, and why some wait.
REASONS = """
    SELECT error ->> 'code', error ->> 'title', count(*) FROM channels_outgoing
    WHERE broadcast_id = %s AND state = %s AND error IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20
"""

log = structlog.get_logger(__name__)


class TemplateNotUsable(DomainError):
    pass


class NobodyToWriteTo(DomainError):
    pass


class BroadcastOver(DomainError):
    pass


def open_parameters(template: Template) -> list[Parameter]:
    """What the sender must say: once for everybody, or for each line of the list."""
    return [each for each in templates.parameters(template) if each.is_required]


def is_for_many(template: Template) -> bool:
    """False for a template that needs what no list has: a place, a one-time code."""
    return template.category != Template.Category.AUTHENTICATION and all(
        each.kind in FROM_A_LIST or each.kind in grammar.MEDIA.values()
        for each in open_parameters(template)
    )


@transaction.atomic
def create(
    *,
    number: Number,
    template: Template,
    title: str,
    text: Iterable[str],
    common: Mapping[str, str],
    is_crisis: bool,
    ttl_seconds: int | None,
    by: Member,
    now: datetime,
) -> Broadcast:
    """A draft with its messages, held until it is started; nothing is sent yet.

    `common` are the values that are the same for everybody; the list gives the others.

    :raises TemplateNotUsable: not approved, of another account, or not fit for many
    :raises ParameterRefused: a common value is not as it must be
    :raises ColumnMissing: the list lacks a column
    :raises ListTooLong: too many lines
    """
    _require_usable(template)
    if template.account_id != number.account_id or not is_for_many(template):
        raise TemplateNotUsable(_("This template cannot be sent to many from this number."))
    broadcast = Broadcast.objects.create(
        node_id=number.node_id,
        number=number,
        template=template,
        title=title,
        is_crisis=is_crisis,
        ttl_seconds=ttl_seconds,
        created_by=by,
        created_at=now,
    )
    intake = _Intake(broadcast, common, now=now)
    intake.take(recipients.read(text, wanted=intake.wanted))
    broadcast.total, broadcast.opted_out = intake.put, intake.unwilling
    broadcast.duplicates, broadcast.bad_lines = intake.duplicates, intake.bad
    broadcast.counts, broadcast.counted_at = {"states": {"held": intake.put}}, now
    broadcast.save()
    _note(
        broadcast,
        "broadcast.created",
        by=by,
        now=now,
        total=intake.put,
        opted_out=intake.unwilling,
        bad_lines=intake.bad,
    )
    return broadcast


class _Intake:
    """Takes a list in, chunk by chunk."""

    def __init__(self, broadcast: Broadcast, common: Mapping[str, str], *, now: datetime) -> None:
        self.broadcast, self.now = broadcast, now
        self.template = broadcast.template
        parameters = open_parameters(self.template)
        self.common = {
            each.key: {"link": common[each.key]} if each.kind in grammar.MEDIA.values() else value
            for each in parameters
            if (value := common.get(each.key, ""))
        }
        self.wanted = [each for each in parameters if each.key not in self.common]
        self.put = self.unwilling = self.duplicates = self.bad = 0
        self._seen: set[str] = set()
        self._filler = templates.Filler(self.template)
        # A common value that cannot be is the sender's mistake and not that of each line.
        if not self.wanted:
            self._filler.fill(self.common)

    def take(self, lines: Iterable[Recipient | Unusable]) -> None:
        chunk: list[tuple[str, str]] = []
        faults: list[Unusable] = []
        for line in lines:
            if isinstance(line, Unusable):
                faults.append(line)
            elif line.phone in self._seen:
                self.duplicates += 1
            elif (content := self._content(line)) and isinstance(content, dict):
                self._seen.add(line.phone)
                chunk.append((line.phone, json.dumps(content, ensure_ascii=False)))
            else:
                faults.append(Unusable(line.line, str(content), self._as_written(line)))
            if len(chunk) >= CHUNK:
                self._put(chunk)
                chunk = []
            if len(faults) >= CHUNK:
                self._keep(faults)
                faults = []
        self._put(chunk)
        self._keep(faults)

    def _content(self, line: Recipient) -> dict[str, Any] | str:
        """What is sent to them, or the reason why it cannot be."""
        values = {**self.common, **line.values}
        try:
            return self._filler.fill(values)
        except templates.ParameterRefused as refused:
            return f"{_REASONS[type(refused)]}:{refused.field}"[:40]

    def _as_written(self, line: Recipient) -> str:
        return " | ".join([line.phone, *line.values.values()]).replace("\0", "\ufffd")[:200]

    def _put(self, chunk: Sequence[tuple[str, str]]) -> None:
        if not chunk:
            return
        broadcast = self.broadcast
        # Whoever may send to many need not see the people; who wants no messages counts all the same.
        with as_worker(), connection.cursor() as cursor:
            cursor.execute(
                PUT,
                {
                    "phones": [phone for phone, _content in chunk],
                    "contents": [content for _phone, content in chunk],
                    "node": broadcast.node_id,
                    "number": broadcast.number_id,
                    "template": broadcast.template_id,
                    "broadcast": broadcast.pk,
                    "lane": Outgoing.Lane.CRISIS if broadcast.is_crisis else Outgoing.Lane.BULK,
                    "request": structlog.contextvars.get_contextvars().get("request_id", ""),
                    "now": self.now,
                },
            )
            put, unwilling = cursor.fetchone()
        self.put += put
        self.unwilling += unwilling

    def _keep(self, faults: Sequence[Unusable]) -> None:
        BadLine.objects.bulk_create(
            [
                BadLine(
                    broadcast=self.broadcast,
                    line=fault.line,
                    reason=fault.reason,
                    text=fault.text,
                )
                for fault in faults
            ],
            # A quoted cell over several lines ends on the line where the next fault may begin.
            ignore_conflicts=True,
        )
        self.bad += len(faults)


_REASONS: dict[type[templates.ParameterRefused], str] = {
    templates.ParameterMissing: "missing",
    templates.ParameterBreaksTheLine: "break",
    templates.ParameterTooLong: "long",
    templates.ParameterOfWrongType: "type",
    templates.ParameterUnknown: "type",
}


@transaction.atomic
def start(public_id: UUID, *, by: Member, now: datetime) -> Broadcast:
    """Let a draft run: its messages go out as fast as its number may. Repeated, it does nothing.

    :raises BroadcastOver: it is finished or cancelled
    :raises NobodyToWriteTo: nobody of the list gets it
    :raises TemplateNotUsable: the template is not approved any more
    """
    broadcast = _locked(public_id)
    if broadcast.state != State.DRAFT:
        _refuse_when_over(broadcast)
        return broadcast
    if not broadcast.total:
        raise NobodyToWriteTo(_("Nobody on the list can be written to. Correct the list."))
    _require_usable(broadcast.template)
    broadcast.started_at = now
    expires_at = now + timedelta(seconds=broadcast.ttl_seconds) if broadcast.ttl_seconds else None
    messages = _held_or_queued(broadcast)
    messages.update(state=Outgoing.State.QUEUED, not_before=now, expires_at=expires_at)
    _move(broadcast, State.RUNNING, "broadcast.started", by=by, now=now)
    wake_dispatcher()
    return broadcast


@transaction.atomic
def pause(public_id: UUID, *, by: audit.Actor, now: datetime) -> Broadcast:
    """Hold back what has not left yet. Repeated, it does nothing.

    :raises BroadcastOver: it is finished or cancelled
    """
    broadcast = _locked(public_id)
    if broadcast.state != State.RUNNING:
        _refuse_when_over(broadcast)
        return broadcast
    _held_or_queued(broadcast).update(state=Outgoing.State.HELD)
    _move(broadcast, State.PAUSED, "broadcast.paused", by=by, now=now)
    return broadcast


@transaction.atomic
def resume(public_id: UUID, *, by: audit.Actor, now: datetime) -> Broadcast:
    """Let a paused or stopped one go on with what it has left. Repeated, it does nothing.

    :raises BroadcastOver: it is finished or cancelled
    :raises TemplateNotUsable: the template that stopped it is still paused or disabled
    """
    broadcast = _locked(public_id)
    if broadcast.state not in {State.PAUSED, State.STOPPED}:
        _refuse_when_over(broadcast)
        return broadcast
    _require_usable(broadcast.template)
    broadcast.error = None
    _held_or_queued(broadcast).update(state=Outgoing.State.QUEUED, not_before=now)
    _move(broadcast, State.RUNNING, "broadcast.resumed", by=by, now=now)
    wake_dispatcher()
    return broadcast


@transaction.atomic
def cancel(public_id: UUID, *, by: Member, now: datetime) -> Broadcast:
    """Withdraw everything that has not left yet, for good. Repeated, it does nothing.

    :raises BroadcastOver: it is finished
    """
    broadcast = _locked(public_id)
    if broadcast.state == State.CANCELLED:
        return broadcast
    _refuse_when_over(broadcast)
    _withdraw(broadcast, now=now)
    broadcast.finished_at = now
    _move(broadcast, State.CANCELLED, "broadcast.cancelled", by=by, now=now)
    return broadcast


def _withdraw(broadcast: Broadcast, *, now: datetime) -> int:
    return _held_or_queued(broadcast).update(
        state=Outgoing.State.FAILED, failed_at=now, error={"title": "withdrawn"}
    )


def _held_or_queued(broadcast: Broadcast) -> QuerySet[Outgoing]:
    """Its messages that have not left yet; meanwhile no dispatcher claims for its number."""
    # Claims hold this row, then messages; taking them in the same order nobody waits in a circle.
    with as_worker():
        Pace.objects.select_for_update().filter(number=broadcast.number_id).first()
    return Outgoing.objects.filter(
        broadcast=broadcast, state__in=[Outgoing.State.HELD, Outgoing.State.QUEUED]
    )


def _move(
    broadcast: Broadcast, state: Broadcast.State, action: str, *, by: audit.Actor, now: datetime
) -> None:
    broadcast.state = state
    # Its rate begins anew.
    broadcast.rate = None
    broadcast.save(update_fields=["state", "error", "rate", "started_at", "finished_at"])
    keep_count(broadcast, now=now)
    _note(broadcast, action, by=by, now=now)


def _require_usable(template: Template) -> None:
    if not template.is_usable:
        raise TemplateNotUsable(
            _("The template “%(name)s” is not approved now: %(state)s.")
            % {"name": template.name, "state": template.get_status_display()}
        )


def _refuse_when_over(broadcast: Broadcast) -> None:
    if broadcast.state in OVER:
        raise BroadcastOver(_("This broadcast is over; nothing of it waits any more."))


def _locked(public_id: UUID) -> Broadcast:
    return (
        Broadcast.objects.select_for_update(of=("self",))
        .select_related("template", "number")
        .get(public_id=public_id)
    )


def _note(
    broadcast: Broadcast, action: str, *, by: audit.Actor, now: datetime, **details: Any
) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="broadcast",
            subject_key=str(broadcast.public_id),
            by=by,
            at=now,
            node_id=broadcast.node_id,
            details={"template": str(broadcast.template), **details},
        )
    )
    live.announce([(broadcast.node_id, "broadcast", broadcast.public_id)])


# Following


@dataclass(frozen=True)
class Progress:
    """How far a broadcast is."""

    states: dict[str, int]

    @property
    def waiting(self) -> int:
        return self.states.get("held", 0) + self.states.get("queued", 0)

    @property
    def under_way(self) -> int:
        return self.states.get("sending", 0)

    @property
    def handed(self) -> int:
        """Those that WhatsApp has, whatever became of them since."""
        return sum(self.states.get(state, 0) for state in ("sent", "delivered", "read"))

    @property
    def done(self) -> int:
        return sum(self.states.values()) - self.waiting - self.under_way


def tend(*, now: datetime) -> int:
    """Follow all broadcasts that need it: count, finish, and hold back what slipped through.

    Returns how many were looked at.
    """
    # The later after its end, the rarer: read ticks come in for days.
    due = [
        broadcast
        for broadcast in Broadcast.objects.filter(
            Q(finished_at=None) | Q(finished_at__gt=now - COUNTED_FOR)
        )
        .exclude(state=State.DRAFT)
        .select_related("template")
        .order_by("pk")
        if _is_due(broadcast, now=now)
    ]
    for broadcast in due:
        _tend_one(broadcast.public_id, now=now)
    return len(due)


def _is_due(broadcast: Broadcast, *, now: datetime) -> bool:
    # While somebody may be waiting for it, or what comes back late must be held.
    if broadcast.counted_at is None or broadcast.state not in OVER:
        return True
    quiet = now - (broadcast.finished_at or broadcast.started_at or broadcast.created_at)
    return now - broadcast.counted_at >= min(
        max(timedelta(seconds=2), quiet / 20), timedelta(hours=1)
    )


@transaction.atomic
def _tend_one(public_id: UUID, *, now: datetime) -> None:
    # Somebody pressing a button goes first; we come again in a second.
    broadcast = (
        Broadcast.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("template")
        .filter(public_id=public_id)
        .first()
    )
    if broadcast is None:
        return
    before = broadcast.counts
    _hold_back(broadcast, now=now)
    progress = keep_count(broadcast, now=now)
    if broadcast.state == State.RUNNING and not progress.waiting and not progress.under_way:
        broadcast.finished_at = now
        _move(broadcast, State.FINISHED, "broadcast.finished", by=audit.SYSTEM, now=now)
        log.info("broadcast.finished", broadcast=str(public_id), **progress.states)
    elif broadcast.counts != before:
        live.announce([(broadcast.node_id, "broadcast", broadcast.public_id)])


def _hold_back(broadcast: Broadcast, *, now: datetime) -> None:
    """What was under way while somebody pressed a button and comes back to be tried again."""
    rows = Outgoing.objects.filter(broadcast=broadcast)
    held, queued = Outgoing.State.HELD, Outgoing.State.QUEUED
    match broadcast.state:
        case State.RUNNING if rows.filter(state=held).exists():
            _held_or_queued(broadcast).filter(state=held).update(state=queued)
        case State.PAUSED | State.STOPPED if rows.filter(state=queued).exists():
            _held_or_queued(broadcast).filter(state=queued).update(state=held)
        case State.CANCELLED if rows.filter(state__in=[held, queued]).exists():
            _withdraw(broadcast, now=now)


def keep_count(broadcast: Broadcast, *, now: datetime) -> Progress:
    """Count its messages and keep that for all who look at it."""
    before = Progress(dict(broadcast.counts.get("states", {})))
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [broadcast.pk])
        progress = Progress(dict(cursor.fetchall()))
        counts: dict[str, Any] = {**broadcast.counts, "states": progress.states}
        if progress.states.get("failed") != before.states.get("failed"):
            counts["failures"] = _reasons(cursor, broadcast, "failed")
        # Nothing leaves: then they say what they wait for.
        stands = progress.done == before.done and progress.states.get("queued", 0)
        counts["waits"] = _reasons(cursor, broadcast, "queued") if stands else []
    seconds = (now - broadcast.counted_at).total_seconds() if broadcast.counted_at else 0
    if broadcast.state == State.RUNNING and seconds > 0:
        rate = max(0, progress.done - before.done) / seconds
        # Smoothed, so that the time left does not jump about.
        broadcast.rate = rate if broadcast.rate is None else 0.7 * broadcast.rate + 0.3 * rate
    broadcast.counts, broadcast.counted_at = counts, now
    broadcast.save(update_fields=["counts", "counted_at", "rate"])
    return progress


def _reasons(cursor: Any, broadcast: Broadcast, state: str) -> list[dict[str, Any]]:
    cursor.execute(REASONS, [broadcast.pk, state])
    return [
        {"code": int(code) if code else None, "title": title, "count": count}
        for code, title, count in cursor.fetchall()
    ]
