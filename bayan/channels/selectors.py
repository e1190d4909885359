"""Reading accounts and what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from bayan.channels.models import Account, Media, Outgoing


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


def file_of(media: Media) -> Path:
    """Where the bytes of a stored file lie: under their hash, whatever anybody calls the file."""
    return Path(settings.MEDIA_DIR) / media.sha256[:2] / media.sha256
