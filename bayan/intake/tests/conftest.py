"""A real intake on a port of its own, over the tests' database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
import uvicorn

from bayan.channels.models import Account
from bayan.channels.tests.factories import make_account
from bayan.intake import asgi


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def committed_account(committed_db: None) -> Account:
    return make_account()


@pytest.fixture
def intake(committed_account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the demo account's hook on an intake that has just started."""
    monkeypatch.setattr(asgi, "application", asgi.Intake())
    server = uvicorn.Server(
        uvicorn.Config(
            asgi.standalone, port=0, http="httptools", ws="none", lifespan="on", log_config=None,
            access_log=False, timeout_graceful_shutdown=2,
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/hooks/whatsapp/demo"
        while httpx.get(url).status_code == 503:
            time.sleep(0.01)
        yield url
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def another_database(superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A superuser's connection to another database of the same PostgreSQL."""
    info = superuser.info
    with psycopg.connect(
        host=info.host, port=info.port, user=info.user, password=info.password, dbname="postgres",
        autocommit=True,
    ) as connection:  # fmt: skip
        yield connection
