"""Cursor paging: a place in a list that stays right while rows come in above it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError


@dataclass(frozen=True)
class Page[Row]:
    """Rows of a list, and where the next page begins (None: this is the last one)."""

    rows: list[Row]
    next_cursor: Cursor | None


class UnreadableCursor(DomainError):
    pass


@dataclass(frozen=True)
class Cursor:
    """The last row of a page: its moment, and its key among rows of the same moment."""

    at: datetime
    key: int

    def __str__(self) -> str:
        plain = f"{self.at.isoformat()} {self.key}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor that we wrote as this text.

        :raises UnreadableCursor: we did not
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            at, _space, key = base64.urlsafe_b64decode(padded.encode()).decode().partition(" ")
            return cls(datetime.fromisoformat(at), int(key))
        except (ValueError, binascii.Error) as error:
            raise UnreadableCursor(
                _("This page of the list is gone. Start from its beginning.")
            ) from error


def page_of[Row: Model](
    rows: QuerySet[Row], *, newest: str, after: Cursor | None, limit: int
) -> Page[Row]:
    """The rows after this cursor, those with the latest moment in the field `newest` first."""
    if after:
        # As one comparison of (moment, key), so that the index on both answers it.
        rows = rows.filter(**{f"{newest}__lte": after.at}).exclude(
            **{newest: after.at, "pk__gte": after.key}
        )
    found = list(rows.order_by(f"-{newest}", "-pk")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], Cursor(getattr(last, newest), last.pk) if last else None)
