"""What every change of a request leaves behind: its step, its line in the trail, a word to the screens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.core.views import uuid_in
from bayan.needs import stages
from bayan.needs.models import Need, Step
from bayan.people.models import Member
from bayan.work.events import Subject

# The subject type of its task, its clock and its lines in the trail, and the topic on live screens.
NEED = "need"
LONGEST_WORDS = 500


class StepNotPossible(DomainError):
    pass


class ReasonMissing(DomainError):
    pass


def locked(need_id: UUID) -> Need:
    """The request, ours until the commit."""
    return (
        Need.objects.select_for_update(of=("self",))
        .select_related("node", "provider", "version", "item")
        .get(public_id=need_id)
    )


def move(need: Need, step: str) -> None:
    """Bring a locked request to where this step leads.

    :raises StepNotPossible: it is in a state from which the step leads nowhere
    """
    target = stages.after(need.state, step)
    if target is None:
        raise StepNotPossible(
            _("This request is “%(state)s” by now. Reload the page.")
            % {"state": need.get_state_display()}
        )
    need.state = target


def words_in(text: str) -> str:
    """Words as they are kept: without line ends and with a length."""
    return " ".join(text.split())[:LONGEST_WORDS]


def note(
    action: str,
    need: Need,
    *,
    by: Member | None,
    now: datetime,
    words: str = "",
    by_name: str = "",
    tell_after: timedelta | None = None,
) -> None:
    """Keep what happened to a request; see `note_each`."""
    note_each(
        action, [need], by=by, now=now, words={need.pk: words}, by_name=by_name,
        tell_after=tell_after,
    )  # fmt: skip


def note_each(
    action: str,
    needs: Sequence[Need],
    *,
    by: Member | None,
    now: datetime,
    words: Mapping[int, str] | None = None,
    by_name: str = "",
    tell_after: timedelta | None = None,
) -> None:
    """Keep the same step of several requests; whoever asked is told so long after it (None: not).

    Who did it themselves is told nothing.
    """
    said = words or {}
    Step.objects.bulk_create(
        Step(
            need=need,
            state=need.state,
            words=said.get(need.pk, ""),
            by=by,
            by_name=by_name,
            at=now,
            tell_at=None
            if tell_after is None
            or need.asked_by_id is None
            or (by is not None and by.pk == need.asked_by_id)
            else now + tell_after,
        )
        for need in needs
    )
    record(action, needs, by=by or audit.SYSTEM, now=now)


def record(action: str, needs: Iterable[Need], *, by: audit.Actor, now: datetime) -> None:
    """Write lines into the trail, and tell the screens of both bodies."""
    rows = list(needs)
    audit.record_all(
        audit.Entry(
            action=action,
            subject_type=NEED,
            subject_key=str(need.public_id),
            by=by,
            at=now,
            node_id=need.node_id,
            details={"need_state": str(need.state)},
        )
        for need in rows
    )
    live.announce(
        (node_id, NEED, need.public_id)
        for need in rows
        for node_id in {need.node_id, need.provider_id}
    )


def describe_needs(keys: Collection[str]) -> dict[str, Subject]:
    """The requests among these, as whoever must decide or provide is told of them."""
    named = [key for text in keys if (key := uuid_in(text))]
    return {
        str(need.public_id): Subject(
            title=title_of(need),
            node_id=need.provider_id,
            owner_id=None,
            path=path_of(need),
            live_key=str(need.public_id),
        )
        for need in Need.objects.filter(public_id__in=named)
    }


def title_of(need: Need) -> str:
    """Its number and what it is about."""
    facts: dict[str, Any] = {"number": grouped(need.reference), "title": need.title}
    return _("Request %(number)s: %(title)s") % facts


def path_of(need: Need) -> str:
    return reverse("needs:need", args=[need.public_id])
