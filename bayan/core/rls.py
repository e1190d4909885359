"""Row-level security for migrations: the tree's permissions, kept by the database itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, migrations, transaction

# Evaluated once a statement: EXPLAIN shows an InitPlan (a test looks).
IN_A_VISIBLE_NODE = "node_id = ANY (ARRAY(SELECT visible_nodes()))"


def protect(
    table: str,
    *,
    visible: str = IN_A_VISIBLE_NODE,
    commands: Sequence[str] = ("ALL",),
) -> migrations.RunSQL:
    """Let the web's role see and write only rows that pass `visible`; the worker's role, all.

    Nobody else but the owner sees a row. `commands` are what the web's role may do at all.
    """
    statements: list[str | tuple[str, Any]] = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY worker ON {table} TO bayan_worker USING (true) WITH CHECK (true)",
    ]
    for command in commands:
        using = "" if command == "INSERT" else f"USING ({visible})"
        check = "" if command in {"SELECT", "DELETE"} else f"WITH CHECK ({visible})"
        statements.append(
            f"CREATE POLICY web_{command.lower()} ON {table} FOR {command} TO bayan_web {using} {check}"
        )
    return migrations.RunSQL(statements, migrations.RunSQL.noop)


def reserve_for_worker(table: str) -> migrations.RunSQL:
    """Keep a table from the web altogether."""
    return migrations.RunSQL(
        f"REVOKE ALL ON {table} FROM bayan_web, bayan_login", migrations.RunSQL.noop
    )


def look_as(member_id: int) -> None:
    """Take the web's role for the rest of this transaction, with this member's visibility."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', 'bayan_web', true), set_config('bayan.member', %s, true)",
            [str(member_id)],
        )


@contextmanager
def as_worker() -> Iterator[None]:
    """Read in the worker's role for a moment, within the running transaction.

    For pages of the platform itself, whose permission is checked at their door.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # The owner, who prepares an instance, sees all rows and may take no other role.
        cursor.execute(
            "SELECT current_user, set_config('role', "
            "CASE current_user WHEN 'bayan_owner' THEN 'bayan_owner' ELSE 'bayan_worker' END, true)"
        )
        before = cursor.fetchone()[0]
        yield
        cursor.execute("SELECT set_config('role', %s, true)", [before])


@contextmanager
def as_member(member_id: int) -> Iterator[None]:
    """Read as a page of this member's would, for a moment, within the running transaction.

    For the worker, who answers members: nobody sees more by a message than on the page.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, coalesce(current_setting('bayan.member', true), '')")
        before = cursor.fetchone()
        look_as(member_id)
        yield
        cursor.execute(
            "SELECT set_config('role', %s, true), set_config('bayan.member', %s, true)", before
        )
