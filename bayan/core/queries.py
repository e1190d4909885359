"""Queries that cost less: put into SQL once, or told many keys as one value.

To build a queryset and its SQL takes Python longer than PostgreSQL takes to answer, and for these nothing
changes between two requests but a member's key and the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Field, ForeignKey, Lookup, Model, QuerySet
from django.db.models.query import ModelIterable
from psycopg.sql import Literal

# Values that no row has, and no query means: what is asked for takes their places in the SQL.
_STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda place: -(2**31) + place,
    str: lambda place: f"\ue000 stands in {place}",
    datetime: lambda place: datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=place),
    UUID: lambda place: UUID(int=place),
    # Keys, for `any_of` and for what is asked of arrays.
    list: lambda place: [-(2**31) + place],
}


class Statement:
    """SQL of Django's whose changing values are found again by their stand-ins.

    PostgreSQL keeps it too, with its plan, in each connection: what never changes is written into it, so that
    the plan can count on it (partial indexes).
    """

    def __init__(self, sql: str, given: Sequence[Any], stand_ins: Sequence[Any]) -> None:
        self._numbers: list[int] = []
        connection.ensure_connection()
        # A doubled per cent sign is none of a value's.
        first, *rest = sql.replace("%%", _PER_CENT).split("%s")
        text = [first]
        for value, following in zip(given, rest, strict=True):
            if value in stand_ins:
                self._numbers.append(stand_ins.index(value))
                text.append("%s")
            else:
                literal = Literal(value).as_string(connection.connection)
                text.append(literal.replace("%", _PER_CENT))
            text.append(following)
        self._sql = "".join(text).replace(_PER_CENT, "%%")

    def filled(self, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """The SQL, and these values in the places of their stand-ins."""
        return self._sql, [values[number] for number in self._numbers]


_PER_CENT = "\ue001"


def stand_ins_for(kinds: Iterable[type]) -> list[Any]:
    return [_STAND_INS[kind](place) for place, kind in enumerate(kinds)]


def preparing_cursor() -> Any:
    """A cursor of Django's with which PostgreSQL keeps what it is asked."""
    with connection.wrap_database_errors:
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        cursor = cast(Any, _PreparingCursor)(connection.connection)
        return cast(Any, connection)._prepare_cursor(cursor)  # noqa: SLF001


class _PreparingCursor(ServerBindingCursor):
    def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        return super().execute(query, params, **how | {"prepare": True})  # type: ignore[misc]


class Prepared[Row: Model]:
    """A queryset whose SQL is built with the first question; `build` gets a value of each of these kinds.

    `build` may not look at the values: they only find their places in the filters. Where the best plan hangs
    on the values, PostgreSQL makes it anew for them (`keeps_plan=False`).
    """

    def __init__(
        self, build: Callable[..., QuerySet[Row]], *kinds: type, keeps_plan: bool = True
    ) -> None:
        self._build = build
        self._keeps_plan = keeps_plan
        self._stand_ins = stand_ins_for(kinds)
        self._known: tuple[QuerySet[Row], Any, Statement] | None = None

    def rows(self, *values: Any) -> list[Row]:
        """The rows for these values, in the order of the kinds, as the queryset would give them."""
        queryset, compiler, statement = self._known or self._learn()
        asked = copy(compiler)
        if self._keeps_plan:
            asked.connection = _Asking()
        asked.as_sql = lambda: statement.filled(values)
        return list(ModelIterable(cast(Any, _Asked(queryset, asked))))

    def _learn(self) -> tuple[QuerySet[Row], Any, Statement]:
        queryset = self._build(*self._stand_ins)
        compiler = queryset.query.get_compiler(queryset.db)
        sql, given = compiler.as_sql()
        statement = Statement(sql, given, self._stand_ins)
        converters = compiler.get_converters([part[0] for part in compiler.select])
        compiler.get_converters = lambda _fields: converters
        self._known = queryset, compiler, statement
        return self._known


class Tuples:
    """What `values_list` gives, its SQL built with the first question as `Prepared` does.

    The values come as PostgreSQL gives them: for keys, counts, words and moments.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *kinds: type) -> None:
        self._build = build
        self._stand_ins = stand_ins_for(kinds)
        self._statement: Statement | None = None

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """The rows for these values, in the order of the kinds."""
        if self._statement is None:
            query = self._build(*self._stand_ins).query
            sql, given = query.get_compiler(connection.alias).as_sql()
            self._statement = Statement(sql, given, self._stand_ins)
        with preparing_cursor() as cursor:
            cursor.execute(*self._statement.filled(values))
            return list(cursor.fetchall())


class _Asking:
    """The connection, with another cursor."""

    def cursor(self) -> Any:
        return preparing_cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(connection, name)


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

    def get_compiler(self, using: str) -> Any:
        return self._compiler


def update_each(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Save these fields of rows of one model, each row its own values, with one statement.

    As Django's `bulk_update`, whose CASE for each value takes Python longer than all else that is done with
    the rows. Not for fields that hold arrays.
    """
    if not rows:
        return
    meta: Any = type(rows[0])._meta  # noqa: SLF001  # Django's documented API
    key, changed = meta.pk, [meta.get_field(name) for name in fields]
    quote = connection.ops.quote_name
    names = [quote(field.column) for field in changed]
    kinds = [key.rel_db_type(connection), *(field.db_type(connection) for field in changed)]
    told = ", ".join(f"%s::{kind}[]" for kind in kinds)
    given = ", ".join(f"{name} = new.{name}" for name in names)
    statement = (
        f"UPDATE {quote(meta.db_table)} AS own SET {given} "  # noqa: S608  # names of Django's alone
        f"FROM unnest({told}) AS new (key, {', '.join(names)}) WHERE own.{quote(key.column)} = new.key"
    )
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows]
        for field in (key, *changed)
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


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
