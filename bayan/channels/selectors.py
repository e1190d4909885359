"""Reading accounts and what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bayan.channels.models import Account, Outgoing


@dataclass(frozen=True)
class Subject:
    """What a message of ours was about, so that its answer finds its way."""

    type: str
    key: str


def subjects_of(external_ids: Iterable[str]) -> dict[str, Subject]:
    """What each of these messages of ours was about, by the provider's id; only those about something."""
    wanted = {external_id for external_id in external_ids if external_id}
    if not wanted:
        return {}
    rows = Outgoing.objects.filter(external_id__in=wanted).exclude(subject_type="")
    return {
        row.external_id: Subject(row.subject_type, row.subject_key)
        for row in rows
        if row.external_id
    }


def accounts() -> list[Account]:
    """All accounts with their numbers."""
    return list(Account.objects.prefetch_related("numbers__node").order_by("key"))
