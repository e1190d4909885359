"""Queries that cost less: put into SQL once, or told many keys as one value.

To build a queryset and its SQL takes Python longer than PostgreSQL takes to answer, and for these nothing
changes between two requests but a member's key and the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

from django.db import connection
from django.db.models import Field, ForeignKey, Lookup, Model, QuerySet
from django.db.models.query import ModelIterable

# Values that no row has, and no query means: what is asked for takes their places in the SQL.
STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda place: -(2**31) + place,
    str: lambda place: f"\ue000 stands in {place}",
    datetime: lambda place: datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=place),
}


class Prepared[Row: Model]:
    """A queryset whose SQL is built with the first question; `build` gets a value of each of these kinds.

    `build` may not look at the values: they only find their places in the filters.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], *kinds: type) -> None:
        self._build = build
        self._kinds = kinds
        self._known: tuple[QuerySet[Row], Any, str, list[Any]] | None = None

    def rows(self, *values: Any) -> list[Row]:
        """The rows for these values, in the order of the kinds, as the queryset would give them."""
        queryset, compiler, sql, places = self._known or self._learn()
        asked = copy(compiler)
        asked.connection = connection
        asked.as_sql = lambda: (
            sql,
            [values[part.number] if isinstance(part, _Place) else part for part in places],
        )
        return list(ModelIterable(cast(Any, _Asked(queryset, asked))))

    def _learn(self) -> tuple[QuerySet[Row], Any, str, list[Any]]:
        stand_ins = [STAND_INS[kind](place) for place, kind in enumerate(self._kinds)]
        queryset = self._build(*stand_ins)
        compiler = queryset.query.get_compiler(queryset.db)
        sql, given = compiler.as_sql()
        places = [
            _Place(stand_ins.index(part))
            if isinstance(part, tuple(self._kinds)) and part in stand_ins
            else part
            for part in given
        ]
        converters = compiler.get_converters([part[0] for part in compiler.select])
        compiler.get_converters = lambda _fields: converters
        self._known = queryset, compiler, sql, places
        return self._known


class _Place:
    """Where a value belongs."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Asked:
    """As much of a queryset as `ModelIterable` looks at, with the SQL known."""

    _known_related_objects: ClassVar[dict[Any, Any]] = {}

    def __init__(self, queryset: Any, compiler: Any) -> None:
        self.db = queryset.db
        self.model = queryset.model
        self._fetch_mode = queryset._fetch_mode  # noqa: SLF001  # for Django, as the class says
        self._compiler = compiler

    @property
    def query(self) -> _Asked:
        return self

    def get_compiler(self, using: str) -> Any:  # Django's own signature
        return self._compiler


def array_of(keys: Iterable[int]) -> str:
    """Keys as `any_of` takes them at the least cost: one text that PostgreSQL reads as an array."""
    return "{" + ",".join(map(str, keys)) + "}"


@ForeignKey.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """`field__any_of` finds what `field__in` does, with all keys as one array: a list, or an `array_of` them.

    A search gives thousands of keys to each of its counts; written out one by one, they took Django and
    psycopg longer to spell than PostgreSQL to read.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, values = self.process_lhs(compiler, connection)
        keys = self.rhs if isinstance(self.rhs, str) else list(self.rhs)
        return f"{left} = ANY(%s)", [*values, keys]
