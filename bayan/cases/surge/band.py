"""The band on top of all pages while surge mode is on: read once in some seconds by each process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.translation import get_language

from bayan.cases.surge.models import Surge
from bayan.core.rls import as_worker
from bayan.people.permissions import Access

# So long a process remembers which surges are on: a page costs no statement for it.
KEPT = 5.0


@dataclass(frozen=True)
class Band:
    """A surge under way, as a page shows it."""

    public_id: UUID
    node_id: int
    lineage: tuple[int, ...]
    name_ar: str
    name_en: str
    begun_at: datetime

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    def concerns(self, access: Access) -> bool:
        """True for who works in its body, above it or below it."""
        return any(
            role.node_id in self.lineage or self.node_id in role.node.lineage
            for role in access.roles
        )


class Memory:
    """What this process knows, and until when."""

    bands: tuple[Band, ...] = ()
    until: float = 0.0


def forget() -> None:
    """Look again with the next page: something was switched here."""
    Memory.until = 0.0


def bands() -> tuple[Band, ...]:
    """The surges under way, as of some seconds ago at the most."""
    if time.monotonic() >= Memory.until:
        with as_worker():
            Memory.bands = tuple(
                Band(
                    surge.public_id,
                    surge.node_id,
                    tuple(surge.node.lineage),
                    surge.node.short_name_ar,
                    surge.node.short_name_en,
                    surge.begun_at,
                )
                for surge in Surge.objects.on().select_related("node").order_by("pk")
            )
        Memory.until = time.monotonic() + KEPT
    return Memory.bands


def is_on() -> bool:
    """Whether surge mode is on anywhere."""
    return bool(bands())


def context(request: HttpRequest) -> dict[str, object]:
    """What the base page shows of surges (`config/settings.py`)."""
    return {"surge_bands": lambda: _of(request)}


def _of(request: HttpRequest) -> list[Band]:
    access: Access | None = getattr(request, "access", None)
    if access is None or not access.may("cases.read"):
        return []
    try:
        return [band for band in bands() if band.concerns(access)]
    except DatabaseError:
        # The page that says so must not fail for the same reason.
        return []
