"""Nothing that was answered 200 is lost or doubled, whatever is killed, and all goes on by itself."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from bayan.config.tests.instances import Up, eventually, is_alive

MESSAGES = 2_000
SENDERS = 250
# Spread over the killings.
SECONDS = 14.0
REPLIES = 30

pytestmark = pytest.mark.xdist_group("kill")


@pytest.fixture
def up(data_dir: Path) -> Iterator[Up]:
    instance = Up(data_dir, "--demo")
    try:
        instance.wait_until_ready()
        yield instance
    finally:
        instance.clear_away()


def test_no_message_answered_200_is_lost_or_doubled_by_any_kill(up: Up) -> None:
    queue_replies(up)
    everything = up.processes()

    asyncio.run(deliver_and_kill(up))
    everything |= up.processes()
    eventually(lambda: count(up, WAITING) == 0, "the journal is not worked off")
    eventually(lambda: count(up, UNSENT) == 0, "the dispatcher does not go on", seconds=60)
    eventually(up.is_ready, "the instance does not recover")

    # The demo brings messages of its own.
    assert count(up, OURS) == MESSAGES
    assert count(up, OURS, "count(DISTINCT m.external_id)") == MESSAGES
    assert count(up, OURS, "count(DISTINCT c.contact_id)") == SENDERS
    assert count(up, OURS, "count(DISTINCT m.matter)") == SENDERS
    assert count(up, "intake_journal WHERE set_aside_at IS NOT NULL") == 0
    sent = httpx.get(f"http://127.0.0.1:{up.emulator_port}/_control/sent").json()["items"]
    texts = [item["body"].get("text", {}).get("body", "") for item in sent]
    replies = [text for text in texts if text.startswith("reply ")]
    assert len(replies) == len(set(replies)), "a reply went out twice"
    # Only what was in flight when the dispatcher was killed may not have gone out, and that is said.
    assert REPLIES - len(replies) <= count(up, f"{REPLY} AND state = 'uncertain'")
    assert count(up, f"{REPLY} AND state = 'failed'") == 0
    assert "whole" in up.run("verify-audit")

    assert up.interrupt() == 0
    assert [pid for pid in everything if is_alive(pid)] == []
    assert sum("starts again" in line for line in up.said) >= 5
    assert sum("PostgreSQL had stopped" in line for line in up.said) == 2


OURS = (
    "inbox_message m JOIN inbox_conversation c ON c.id = m.conversation_id "
    "WHERE m.external_id LIKE 'wamid.KILL%'"
)
REPLY = "channels_outgoing WHERE request_id = 'kill'"
WAITING = "intake_journal WHERE processed_at IS NULL AND set_aside_at IS NULL"
UNSENT = "channels_outgoing WHERE state IN ('queued', 'sending')"


def count(up: Up, rows: str, what: str = "count(*)") -> int:
    query = f"SELECT {what} FROM {rows}"  # noqa: S608  # constants
    try:
        with up.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
    except psycopg.OperationalError:
        return -1  # not there at the moment
    assert row is not None
    return int(row[0])


def queue_replies(up: Up) -> None:
    """Replies that become due one after the other while things are killed."""
    for number in range(1, REPLIES + 1):
        # The provider lets us write only to who has written.
        httpx.post(
            f"http://127.0.0.1:{up.emulator_port}/_control/messages",
            json={"from": f"96650001{number:04}", "text": "متى؟"},
        ).raise_for_status()
    with up.connect() as connection:
        connection.execute(
            """
            INSERT INTO channels_outgoing
                (public_id, node_id, number_id, to_phone, to_whatsapp_id, content, lane, subject_type,
                 subject_key, request_id, state, attempts, not_before, created_at)
            SELECT uuidv7(), node_id, id, '96650001' || lpad(n::text, 4, '0'), '',
                   jsonb_build_object('type', 'text', 'text', jsonb_build_object('body', 'reply ' || n)),
                   10, '', '', 'kill', 'queued', 0, now() + n * interval '0.4 second', now()
            FROM channels_number, generate_series(1, %s) AS n
            """,
            [REPLIES],
        )


async def deliver_and_kill(up: Up) -> None:
    """Post everything like a provider, who repeats what is not answered 200; meanwhile kill."""
    # So many at once. The client's own queue of requests would cost more time than the server.
    lines = asyncio.Semaphore(64)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{up.port}", limits=limits, timeout=15
    ) as client:

        async def deliver(number: int) -> None:
            await asyncio.sleep(number * SECONDS / MESSAGES)
            body = body_of(number)
            signature = hmac.digest(b"demo-app-secret", body, hashlib.sha256).hex()
            pause = 0.2
            while True:
                try:
                    async with lines:
                        answer = await client.post(
                            "/hooks/whatsapp/demo",
                            content=body,
                            headers={"X-Hub-Signature-256": f"sha256={signature}"},
                        )
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    return
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)

        async with asyncio.timeout(90):
            await asyncio.gather(kill_one_after_the_other(up), *map(deliver, range(MESSAGES)))


async def kill_one_after_the_other(up: Up) -> None:
    def postmaster() -> int:
        pid = up.cluster.pid
        assert pid is not None
        return pid

    def whose(role: str) -> Callable[[], int]:
        return lambda: up.part(role)

    steps: list[tuple[Callable[[], int], signal.Signals]] = [
        (whose("web"), signal.SIGKILL),
        (whose("worker"), signal.SIGKILL),
        (postmaster, signal.SIGINT),  # a fast restart
        (whose("dispatcher"), signal.SIGKILL),
        (whose("web"), signal.SIGKILL),
        (postmaster, signal.SIGKILL),
        (whose("worker"), signal.SIGKILL),
    ]
    for victim, how in steps:
        await asyncio.sleep(SECONDS / (len(steps) + 1))
        pid = await asyncio.to_thread(victim)
        os.kill(pid, how)


def body_of(number: int) -> bytes:
    sender = number % SENDERS
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "966112345678", "phone_number_id": "106540000000940"},
        "contacts": [{"profile": {"name": f"مستفيد {sender}"}, "user_id": f"SA.{sender:020}"}],
        "messages": [
            {
                "from_user_id": f"SA.{sender:020}",
                "id": f"wamid.KILL{number:06}",
                "timestamp": "1795328100",
                "type": "text",
                "text": {"body": f"رسالة رقم {number}"},
            }
        ],
    }
    change = {"field": "messages", "value": value}
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]},
        ensure_ascii=False,
    ).encode()
