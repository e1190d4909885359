"""Reading the journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from bayan.intake.services import NoSuchEntry


@dataclass(frozen=True)
class Entry:
    """One webhook body and what became of it."""

    id: int
    received_at: datetime
    account: str
    request_id: str
    processed_at: datetime | None
    set_aside_at: datetime | None
    remark: str
    body: bytes = b""

    @property
    def state(self) -> str:
        if self.set_aside_at:
            return "set aside"
        return "processed" if self.processed_at else "waiting"


COLUMNS = "j.id, j.received_at, a.key, j.request_id, j.processed_at, j.set_aside_at, j.remark"


def entries(*, set_aside_only: bool = False, limit: int = 50) -> list[Entry]:
    """The newest entries, without their bodies."""
    condition = "WHERE j.set_aside_at IS NOT NULL" if set_aside_only else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM intake_journal j "  # noqa: S608  # constants
            f"LEFT JOIN channels_account a ON a.id = j.account_id {condition} "
            "ORDER BY j.id DESC LIMIT %s",
            [limit],
        )
        return [Entry(*row) for row in cursor.fetchall()]


def entry(entry_id: int) -> Entry:
    """One entry with its body.

    :raises NoSuchEntry: there is none with this number
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS}, j.body FROM intake_journal j "  # noqa: S608  # constants
            "LEFT JOIN channels_account a ON a.id = j.account_id WHERE j.id = %s",
            [entry_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NoSuchEntry(_("The journal has no entry %(number)s.") % {"number": entry_id})
    return replace(Entry(*row), body=bytes(row[-1]))
