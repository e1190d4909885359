"""Cursor paging: a place in a list that stays right while rows come in above it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.queries import Statement, preparing_cursor, stand_ins_for


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
    rows: QuerySet[Row], *, newest: str = "", oldest: str = "", after: Cursor | None, limit: int
) -> Page[Row]:
    """The rows after this cursor: the latest moment of field `newest` first, or the earliest of `oldest`."""
    field, beyond = (newest, "lte") if newest else (oldest, "gte")
    if after:
        # As one comparison of (moment, key), so that the index on both answers it.
        seen = {f"pk__{'gte' if newest else 'lte'}": after.key}
        rows = rows.filter(**{f"{field}__{beyond}": after.at}).exclude(**{field: after.at} | seen)
    return as_page(list(beginning(rows, newest=newest, oldest=oldest, limit=limit)), field, limit)


def beginning[Row: Model](
    rows: QuerySet[Row], *, newest: str = "", oldest: str = "", limit: int
) -> QuerySet[Row]:
    """The rows of a first page, and one more if there is one: what `as_page` takes."""
    field, sign = (newest, "-") if newest else (oldest, "")
    return rows.order_by(f"{sign}{field}", f"{sign}pk")[: limit + 1]


def as_page[Row: Model](found: list[Row], field: str, limit: int) -> Page[Row]:
    """Rows that `beginning` found, in the order of this field."""
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], Cursor(getattr(last, field), last.pk) if last else None)


# More rows than these are not counted to the end: nobody reads the difference, and the page waits for it. A
# page with eight counts spends 7 ms of PostgreSQL's on them; counted to ten thousand each, it was 57.
COUNTED_TO = 999


def counts_of(parts: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each of these holds, up to one more than `COUNTED_TO`, in one statement."""
    known, sql, values = _statement_of(parts)
    if not known:
        return dict.fromkeys(parts, 0)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return dict.fromkeys(parts, 0) | dict(zip(known, cursor.fetchone(), strict=True))


class Counts:
    """Counts that are asked for with every page: their statement is built once, as that costs more than it.

    `build` gives the parts for a value of each of these kinds, as `queries.Prepared` says of its own.
    """

    def __init__(
        self,
        build: Callable[..., Mapping[str, QuerySet[Any]]],
        *kinds: type,
        keeps_plan: bool = True,
    ) -> None:
        self._build = build
        self._keeps_plan = keeps_plan
        self._stand_ins = stand_ins_for(kinds)
        self._made: tuple[list[str], list[str], Statement] | None = None

    def of(self, *values: Any) -> dict[str, int]:
        """As `counts_of` says of the same parts."""
        names, known, statement = self._made or self._make()
        with preparing_cursor() if self._keeps_plan else connection.cursor() as cursor:
            cursor.execute(*statement.filled(values))
            return dict.fromkeys(names, 0) | dict(zip(known, cursor.fetchone(), strict=True))

    def _make(self) -> tuple[list[str], list[str], Statement]:
        parts = self._build(*self._stand_ins)
        known, sql, given = _statement_of(parts)
        self._made = list(parts), known, Statement(sql, given, self._stand_ins)
        return self._made


def _statement_of(parts: Mapping[str, QuerySet[Any]]) -> tuple[list[str], str, list[Any]]:
    """The parts that may hold rows, and the statement that counts them in this order, with its values."""
    known: list[str] = []
    selects: list[str] = []
    values: list[Any] = []
    for name, rows in parts.items():
        try:
            sql, given = rows.order_by().values("pk")[: COUNTED_TO + 1].query.sql_with_params()
        except EmptyResultSet:
            continue
        known.append(name)
        selects.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608  # from the ORM
        values += given
    return known, "SELECT " + ", ".join(selects), values
