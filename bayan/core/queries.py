"""Queries that cost less: put into SQL once, or told many keys as one value.

To build a queryset and its SQL takes Python longer than PostgreSQL takes to answer, and for these nothing
changes between two requests but a member's key and the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, cast
from uuid import UUID

import psycopg
from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Field, ForeignKey, Lookup, Model, QuerySet
from django.db.models.fields.related_lookups import RelatedIn
from django.db.models.lookups import In
from django.db.models.query import ModelIterable
from psycopg.sql import Literal
from psycopg.types.array import ListDumper
from psycopg.types.json import Jsonb

# Values that no row has, and no query means: what is asked for takes their places in the SQL.
_STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda place: -(2**31) + place,
    str: lambda place: f"\ue000 stands in {place}",
    datetime: lambda place: datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=place),
    date: lambda place: date(1, 1, 2) + timedelta(days=place),
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
        lost = [value for at, value in enumerate(stand_ins) if at not in self._numbers]
        if any(isinstance(value, list) for value in lost):
            # Django spells some in its own way (`overlap`): they would stay what they were the first time.
            raise ValueError("A list has no place of its own in this SQL.")
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
        # Not the compiler's own, which is that of the thread that asked first.
        asked.connection = _Asking() if self._keeps_plan else connection
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


class Waits:
    """Whether any row of several querysets is there: one statement, built with the first question.

    For loops that look each second and mostly find nothing. `build` is as for `Prepared`.
    """

    def __init__(self, build: Callable[..., Iterable[QuerySet[Any]]], *kinds: type) -> None:
        self._build = build
        self._stand_ins = stand_ins_for(kinds)
        self._known: Statement | None = None

    def __call__(self, *values: Any) -> bool:
        statement = self._known or self._learn()
        with preparing_cursor() as cursor:
            cursor.execute(*statement.filled(values))
            return bool(cursor.fetchone()[0])

    def _learn(self) -> Statement:
        parts: list[str] = []
        given: list[Any] = []
        for rows in self._build(*self._stand_ins):
            sql, values = rows.order_by().values("pk").query.sql_with_params()
            parts.append(f"EXISTS ({sql})")
            given.extend(values)
        self._known = Statement(f"SELECT {' OR '.join(parts)}", given, self._stand_ins)
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


# Fewer values than this are spelled one by one: a plan made for all values suits them too.
_MANY = 5


class _OneArray(In):
    """`field__in` of many values tells them as one array: `= ANY('{…}')` in place of `IN (…, …, …)`.

    PostgreSQL plans both alike. But each value that stands by itself is a parameter that Django spells and
    psycopg looks for, in a statement of another length each time, which neither can remember.
    """

    def process_rhs(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        told, values = super().process_rhs(compiler, connection)
        if (
            not self.rhs_is_direct_value()
            or len(values) < _MANY
            or told.count("%s") * 4 != len(told)
        ):
            return told, values
        return "ANY(%s)", [list(values)]

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"= {rhs}" if rhs.startswith("ANY") else super().get_rhs_op(connection, rhs)


@Field.register_lookup
class ManyIn(_OneArray):
    """`in` of a plain column."""


@ForeignKey.register_lookup
class ManyRelatedIn(_OneArray, RelatedIn):
    """`in` of a foreign key."""


def _spelled(spell: Callable[[Any], str]) -> Callable[[Sequence[Any]], bytes]:
    """As an array of values whose spelling needs no escape."""
    return lambda values: (
        b"{%s}"
        % (",".join(["NULL" if value is None else spell(value) for value in values]).encode())
    )


def _quoted(spelled: Sequence[bytes]) -> bytes:
    """As an array of texts: escaped all at once, told apart till then by what no text may hold."""
    joined = b"\0".join(spelled)
    if joined.count(b"\0") >= len(spelled):
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return b'{"%s"}' % joined.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\0", b'","')


_SPELLED: dict[type, Callable[[Sequence[Any]], bytes]] = {
    int: _spelled(str),
    bool: _spelled(lambda value: "t" if value else "f"),
    UUID: _spelled(lambda value: value.hex),
    datetime: _spelled(lambda value: f'"{value}"'),
}


class Arrays(ListDumper):
    """Tells PostgreSQL a list as psycopg does, at a fourth of the time: batches are told as arrays.

    psycopg looks at each element by itself, for it may be of any kind. Lists of several kinds, of lists and
    of what is not known here are left to it.
    """

    def dump(self, obj: list[Any]) -> Any:
        kinds = set(map(type, obj))
        if len(kinds) > 1:
            kinds.discard(type(None))
        kind = kinds.pop() if len(kinds) == 1 else None
        if spelled := _SPELLED.get(kind) if kind else None:
            return spelled(obj)
        if kind is str and None not in obj:
            return _quoted([text.encode() for text in obj])
        if kind is Jsonb and None not in obj and self.sub_dumper:
            return _quoted([bytes(self.sub_dumper.dump(value) or b"") for value in obj])
        return super().dump(obj)
