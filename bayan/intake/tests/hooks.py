"""Webhooks for tests: what was recorded, how it is signed, and putting it into the journal."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from django.db import connection

from bayan.channels import tests as channel_tests
from bayan.channels.models import Account
from bayan.intake import asgi

RECORDINGS = Path(channel_tests.__file__).parent / "recordings"
NAMES = sorted(path.stem for path in RECORDINGS.glob("wa_*.json"))
PHONE_NUMBER_ID = "106540000000940"


def recording(name: str) -> bytes:
    """One recorded webhook body, byte for byte."""
    return (RECORDINGS / f"{name}.json").read_bytes()


def body_of(*messages: dict[str, Any], number: str = PHONE_NUMBER_ID, **value: Any) -> bytes:
    """A webhook body with these messages."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "966112345678", "phone_number_id": number},
        "messages": list(messages),
    } | value
    change = {"field": "messages", "value": value}
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
    ).encode()


def text_from(
    sender: str, number: int, text: str = "الشارع مظلم", **changes: Any
) -> dict[str, Any]:
    """A text message; `sender` is a business-scoped id."""
    message = {
        "from_user_id": sender,
        "id": f"wamid.{sender}.{number}",
        "timestamp": "1795328100",
        "type": "text",
        "text": {"body": text},
    }
    return message | changes


def signed(body: bytes, secret: bytes = b"demo-app-secret") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.digest(secret, body, hashlib.sha256).hex()}


def post(url: str, body: bytes, **headers: str) -> int:
    """The status with which a rightly signed body is answered."""
    return httpx.post(url, content=body, headers=signed(body) | headers, timeout=30).status_code


def journal(account: Account, *bodies: bytes) -> None:
    """Put bodies into the journal as the intake does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_journal (received_at, account_id, request_id, body) "
            "SELECT now(), %s, 'r' || n, body FROM unnest(%s::bytea[]) WITH ORDINALITY AS b (body, n)",
            [account.pk, list(bodies)],
        )


def fates() -> list[tuple[str, str]]:
    """State and remark of each journal entry, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN set_aside_at IS NOT NULL THEN 'set aside' "
            "WHEN processed_at IS NOT NULL THEN 'processed' ELSE 'waiting' END, remark "
            "FROM intake_journal ORDER BY id"
        )
        return [(state, remark) for state, remark in cursor.fetchall()]


@contextmanager
def running_intake(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the demo account's hook on a real intake over the tests' database."""
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
