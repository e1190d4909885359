"""A real intake on a port of its own, over the tests' database."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from bayan.channels.models import Account
from bayan.channels.tests.factories import make_account
from bayan.intake.tests.hooks import running_intake


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def committed_account(committed_db: None) -> Account:
    return make_account()


@pytest.fixture
def intake(committed_account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the demo account's hook on an intake that has just started."""
    with running_intake(monkeypatch) as url:
        yield url


@pytest.fixture
def another_database(superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A superuser's connection to another database of the same PostgreSQL."""
    info = superuser.info
    with psycopg.connect(
        host=info.host, port=info.port, user=info.user, password=info.password, dbname="postgres",
        autocommit=True,
    ) as connection:  # fmt: skip
        yield connection
