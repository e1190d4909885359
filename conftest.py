"""Fixtures that every test may use: the tree, people, and a browser-less client in the web's role."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg import sql

from bayan.cases.due import OwnTerms
from bayan.cases.surge import band
from bayan.config.testing import KEPT_TABLES, cluster
from bayan.organisation.models import Node, OutsideBody
from bayan.organisation.selectors import OwnHours
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.places.models import Outline, Place

# How long an example takes says more of the machine than of the code; a run of all has 20 minutes.
hypothesis.settings.register_profile("bayan", deadline=None, max_examples=50)
hypothesis.settings.load_profile("bayan")

# A hash that is hard to guess takes half a second, and nearly every test makes a member.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Processes of a test run share a data folder, and tests must not use up each other's attempts.
settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# A Monday, 10:00 in Riyadh.
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


class StaffClient(Client):
    """Django's client; a request leaves the test's transaction in the role it found."""

    def request(self, **request: Any) -> Any:
        try:
            return super().request(**request)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('role', 'bayan_worker', true), set_config('bayan.member', '', true)"
                )


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The clone is there already."""


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection]:
    """A connection that sees and may do everything, to look behind the application's back."""
    with cluster.connect(os.environ["BAYAN_DATABASE_NAME"]) as connection:
        yield connection


@pytest.fixture
def committed_db(
    django_db_setup: None, django_db_blocker: object, superuser: psycopg.Connection
) -> Iterator[None]:
    """The database with real commits, for tests with several connections; emptied afterwards."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()
    _empty(superuser)


def _empty(superuser: psycopg.Connection) -> None:
    """Delete what a test has committed: most tables hold nothing, and to truncate all takes a while."""
    tables = [
        row[0]
        for row in superuser.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (%s)",
            [list(KEPT_TABLES)],
        )
    ]
    looks = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(table), sql.Identifier(table)
        )
        for table in tables
    ]
    filled = superuser.execute(sql.SQL(" UNION ALL ").join(looks)).fetchall()
    if filled:
        names = [sql.Identifier(table) for (table,) in filled]
        superuser.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(names)))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder, for tests that start an instance of their own."""
    return tmp_path / "data"


@pytest.fixture
def client(db: None) -> StaffClient:
    return StaffClient()


@pytest.fixture(autouse=True)
def no_surge_remembered() -> None:
    """What pages remember of surges for seconds would be another test's: here there is none."""
    band.Memory.bands, band.Memory.until = (), float("inf")


@pytest.fixture(autouse=True)
def no_terms_remembered() -> None:
    """Nor times that are set on the page, until a test sets some."""
    OwnTerms.terms, OwnTerms.until = {}, float("inf")


@pytest.fixture(autouse=True)
def no_hours_remembered() -> None:
    """Nor bodies with hours of their own, until a test gives one some."""
    OwnHours.calendars, OwnHours.until = {}, float("inf")


@pytest.fixture
def now() -> datetime:
    return MONDAY


@pytest.fixture
def no_authority(db: None) -> None:
    """An instance into which no pack was loaded yet."""
    Outline.objects.all().delete()
    Place.objects.update(parent=None)
    Place.objects.all().delete()
    OutsideBody.objects.all().delete()
    while Node.objects.exists():
        # From the leaves.
        Node.objects.filter(children=None).delete()


@pytest.fixture
def desk(db: None) -> Node:
    return Node.objects.get(kind=Node.Kind.AUTHORITY)


@pytest.fixture
def khobar(db: None) -> Node:
    return Node.objects.get(key="khobar")


@pytest.fixture
def qatif(db: None) -> Node:
    return Node.objects.get(key="qatif")


@pytest.fixture
def desk_responder(desk: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, desk)


@pytest.fixture
def khobar_responder(khobar: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, khobar)


@pytest.fixture
def qatif_responder(qatif: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, qatif)
