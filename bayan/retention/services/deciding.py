"""What becomes of what is due: held, kept longer, handed over, destroyed. Nothing happens by itself."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.people.models import Member
from bayan.retention import selectors
from bayan.retention.models import Decision, Hold
from bayan.retention.periods import read
from bayan.retention.registry import Thing, keepings

Verdict = Decision.Verdict
ACTIONS = {Verdict.KEEP: "kept", Verdict.HAND_OVER: "handed_over", Verdict.DESTROY: "destroyed"}


class IsHeld(DomainError):
    pass


class NotDue(DomainError):
    pass


class ReasonMissing(DomainError):
    pass


class TimeMissing(DomainError):
    pass


class NothingHeld(DomainError):
    pass


def check_pack(folder: Path) -> None:
    """Refuse a pack whose periods cannot be read; they are read from the file, not kept.

    :raises RetentionUnreadable: names the file and what is wrong in it
    """
    file = folder / "retention.toml"
    if file.is_file():
        read(file)


@transaction.atomic
def hold(thing: Thing, reason: str, *, by: Member, now: datetime) -> Hold:
    """Let nobody destroy this until the hold is lifted; one that stands already keeps its reason.

    :raises ReasonMissing: it says not why
    """
    words = reason.strip()[:500]
    if not words:
        raise ReasonMissing(
            _("Write why it must be kept: the case, the order, or who asks for it.")
        )
    _lock(thing)
    found, is_new = Hold.objects.get_or_create(
        what=thing.what, key=thing.key, lifted_at=None,
        defaults={"node": thing.node, "reason": words, "placed_by": by, "placed_at": now},
    )  # fmt: skip
    if is_new:
        _note("retention.held", thing, by=by, now=now)
    return found


@transaction.atomic
def lift(thing: Thing, *, by: Member, now: datetime) -> None:
    """End the hold on this.

    :raises NothingHeld: none stands
    """
    _lock(thing)
    changed = Hold.objects.standing().filter(what=thing.what, key=thing.key)
    if not changed.update(lifted_by=by, lifted_at=now):
        raise NothingHeld(_("No hold stands on it."))
    _note("retention.lifted", thing, by=by, now=now)


@transaction.atomic
def decide(
    thing: Thing,
    verdict: str,
    *,
    reason: str,
    until: date | None = None,
    by: Member,
    now: datetime,
) -> Decision:
    """Decide what becomes of a thing whose period is over; destroying cannot be undone.

    :raises NotDue: its period runs, or nobody has set one
    :raises ReasonMissing: it says not why, or to whom
    :raises TimeMissing: kept longer, but until when
    :raises IsHeld: what is held is not destroyed, nor handed over
    """
    words = reason.strip()[:500]
    if not words:
        raise ReasonMissing(_("Write the reason; of what is handed over, also to whom."))
    end = timezone.make_aware(datetime.combine(until, time())) if until else None
    if verdict == Verdict.KEEP and (end is None or end <= now):
        raise TimeMissing(_("Say until which day it is kept."))
    _lock(thing)
    if not selectors.is_due(thing, now=now):
        raise NotDue(_("The period of %(number)s is not over.") % {"number": thing.number})
    # A hold is placed under the same lock.
    if verdict != Verdict.KEEP and selectors.is_held(thing):
        raise IsHeld(
            _("%(number)s is under a legal hold. Lift the hold first.") % {"number": thing.number}
        )
    digest = ""
    if verdict == Verdict.DESTROY:
        digest = keepings()[thing.what].destroy(thing.key, by=by, now=now)
    made = Decision.objects.create(
        what=thing.what, key=thing.key, node=thing.node, number=thing.number, verdict=verdict,
        reason=words, until=end if verdict == Verdict.KEEP else None, digest=digest, by=by, at=now,
    )  # fmt: skip
    more = {"until": end.isoformat()} if made.until and end else {}
    _note(
        f"retention.{ACTIONS[Verdict(verdict)]}", thing, by=by, now=now, number=thing.number,
        **more, **({"sha256": digest} if digest else {}),
    )  # fmt: skip
    return made


def _lock(thing: Thing) -> None:
    """A hold is placed under the same locks as what it keeps is destroyed; always in one order."""
    with connection.cursor() as cursor:
        for what, key in thing.holders:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"bayan.retention {what} {key}"],
            )


def _note(action: str, thing: Thing, *, by: Member, now: datetime, **details: Any) -> None:
    audit.record(
        audit.Entry(
            action=action, subject_type=thing.what, subject_key=str(thing.key), by=by, at=now,
            node_id=thing.node.pk, details=details,
        )
    )  # fmt: skip
