"""The webhook's face: what is answered, in which order it is checked, and that 200 means durable."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from bayan.channels import services as channels
from bayan.channels.models import Account
from bayan.channels.tests.factories import make_account
from bayan.intake import asgi
from bayan.intake.tests.hooks import NAMES, body_of, post, recording, signed, text_from
from bayan.organisation import selectors as organisation
from bayan.people.models import Role
from bayan.people.tests.factories import make_member

LIMIT = asgi.LARGEST_BODY
MOMENT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def stored(superuser: psycopg.Connection) -> list[bytes]:
    return [
        bytes(row[0])
        for row in superuser.execute("SELECT body FROM intake_journal ORDER BY id").fetchall()
    ]


def test_every_recorded_body_is_answered_200_and_kept_byte_for_byte(
    intake: str, superuser: psycopg.Connection
) -> None:
    bodies = [recording(name) for name in NAMES]
    assert len(bodies) >= 13

    assert [post(intake, body) for body in bodies] == [200] * len(bodies)

    assert stored(superuser) == bodies


def test_a_wrong_signature_is_answered_401_and_nothing_is_kept(
    intake: str, superuser: psycopg.Connection
) -> None:
    for name in NAMES:
        body = recording(name)
        right = signed(body)["X-Hub-Signature-256"]
        for signature in (
            "",
            right.removeprefix("sha256="),
            right[:-1] + ("0" if right[-1] != "0" else "1"),
            right.upper(),
            signed(body, b"another secret")["X-Hub-Signature-256"],
            signed(body + b" ")["X-Hub-Signature-256"],
            "sha1=" + right.removeprefix("sha256="),
            "sha256=é",
        ):
            headers = [(b"x-hub-signature-256", signature.encode("latin-1"))]
            assert httpx.post(intake, content=body, headers=headers).status_code == 401
        assert httpx.post(intake, content=body).status_code == 401
    assert stored(superuser) == []


def test_the_references_signature_is_ours_too(intake: str, superuser: psycopg.Connection) -> None:
    body = recording("wa_inbound_text_ar")
    vector = "sha256=2a3b1bf06e8710fdfbce85b905fec2a884cb78ef6a8e38f6c6bd8aa566ada376"
    channels.save_account(
        key="vector", nature=Account.Nature.DEMO, name="Vector", base_url="http://127.0.0.1:9",
        app_secret="test_app_secret", verify_token="t", access_token="a", numbers={},
        node=organisation.desk(), now=MOMENT,
    )  # fmt: skip
    url = intake.replace("/demo", "/vector")
    assert channels.verify("whatsapp", {"x-hub-signature-256": vector}, body, "test_app_secret")

    deadline = time.monotonic() + 10
    # The new account becomes known without a restart.
    while httpx.post(url, content=body).status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    answer = httpx.post(url, content=body, headers={"X-Hub-Signature-256": vector})
    assert answer.status_code == 200
    assert stored(superuser) == [body]


def test_a_changed_secret_holds_at_once_for_everybody(intake: str) -> None:
    body = recording("wa_inbound_text_ar")
    account = make_account()
    channels.save_account(
        key="demo", nature=Account.Nature.DEMO, name="x", base_url="http://127.0.0.1:9",
        app_secret="new secret", verify_token="t", access_token="a", numbers={},
        node=account.numbers.get().node, now=MOMENT,
    )  # fmt: skip
    new = signed(body, b"new secret")
    deadline = time.monotonic() + 10
    while httpx.post(intake, content=body, headers=new).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    assert post(intake, body) == 401


def test_what_is_checked_first_is_answered_first(intake: str) -> None:
    nowhere = intake.replace("/demo", "/nobody")
    large = b"{" + b" " * LIMIT
    not_json = b"{'id': 1}"
    wrong = {"X-Hub-Signature-256": "sha256=00"}

    def status(url: str, body: bytes, headers: dict[str, str]) -> int:
        return httpx.post(url, content=body, headers=headers, timeout=30).status_code

    assert status(nowhere, large, wrong) == 404
    assert status(intake, large, wrong) == 413
    assert status(intake, large, signed(large)) == 413
    assert status(intake, not_json, wrong) == 401
    assert status(intake, not_json, signed(not_json)) == 400
    for path in ("/hooks/whatsapp/demo/", "/hooks/whatsapp", "/hooks/whatsapp/", "/hooks/sms/demo"):
        assert status(intake.replace("/hooks/whatsapp/demo", path), b"{}", signed(b"{}")) == 404
    assert httpx.put(intake, content=b"{}", headers=signed(b"{}")).status_code == 405


def test_four_megabytes_are_taken_and_one_byte_more_is_not(
    intake: str, superuser: psycopg.Connection
) -> None:
    just = b'"' + b"x" * (LIMIT - 2) + b'"'
    more = b'"' + b"x" * (LIMIT - 1) + b'"'

    def in_pieces(body: bytes) -> Any:
        # Without a Content-Length the size shows only while reading.
        return (body[start : start + 100_000] for start in range(0, len(body), 100_000))

    assert post(intake, just) == 200
    assert post(intake, more) == 413
    for body, status in ((just, 200), (more, 413)):
        answer = httpx.post(intake, content=in_pieces(body), headers=signed(body), timeout=30)
        assert answer.status_code == status
    assert [len(body) for body in stored(superuser)] == [LIMIT, LIMIT]


def test_the_handshake_answers_the_challenge_alone(intake: str) -> None:
    good = {
        "hub.mode": "subscribe", "hub.verify_token": "demo-verify-token", "hub.challenge": "1158201444",
    }  # fmt: skip
    answer = httpx.get(intake, params=good)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    for changes in (
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "رمز"},
        {"hub.mode": "unsubscribe"},
    ):
        assert httpx.get(intake, params=good | changes).status_code == 403
    assert httpx.get(intake).status_code == 403
    assert httpx.get(intake.replace("/demo", "/nobody"), params=good).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"entry": [{"id": "1"', 400),
        (b"[1, 2,]", 400),
        (b"{} {}", 400),
        (b'"\xff\xfe"', 400),
        (b"NaN", 400),
        (b"null", 200),
        (b"[]", 200),
        (b'"\\ud800"', 200),
        (b'{"\\u0000": "\\u0000"}', 200),
        (b'{"n": 1e999, "i": ' + b"9" * 5000 + b"}", 200),
        (b"[" * 100_000 + b"]" * 100_000, 200),
        (b'{"a": ' * 50_000 + b"1" + b"}" * 50_000, 200),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_strange_bodies_are_answered_and_the_intake_lives_on(
    body: bytes, status: int, intake: str, superuser: psycopg.Connection
) -> None:
    assert post(intake, body) == status
    assert stored(superuser) == ([body] if status == 200 else [])
    assert post(intake, b"{}") == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damaged_body_is_answered_otherwise_than_200_or_400(intake: str, data: Any) -> None:
    body = bytearray(recording(data.draw(st.sampled_from(NAMES))))
    for _time in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        damage = data.draw(st.binary(max_size=6))
        length = data.draw(st.integers(0, 40))
        body[position : position + length] = damage
        if not body:
            break

    assert post(intake, bytes(body)) in {200, 400}


def test_a_sender_that_hangs_up_halfway_leaves_nothing(
    intake: str, superuser: psycopg.Connection
) -> None:
    address = httpx.URL(intake)
    body = recording("wa_inbound_text_ar")
    with socket.create_connection((address.host, address.port or 0)) as client:
        client.sendall(
            b"POST /hooks/whatsapp/demo HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body[:100]
        )

    assert post(intake, body) == 200
    assert stored(superuser) == [body]


def test_many_at_once_are_each_kept_once(intake: str, superuser: psycopg.Connection) -> None:
    bodies = [body_of(text_from("SA.1", number)) for number in range(500)]

    async def post_all() -> list[int]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            answers = await asyncio.gather(
                *(client.post(intake, content=body, headers=signed(body)) for body in bodies)
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(post_all()) == [200] * 500
    assert sorted(stored(superuser)) == sorted(bodies)


def test_a_request_id_of_the_proxy_is_kept_and_a_strange_one_is_not(
    intake: str, superuser: psycopg.Connection
) -> None:
    for given_id in ("abc123", "a b", "x" * 41, "é"):
        body = b"{}"
        headers = [(name.encode(), value.encode()) for name, value in signed(body).items()]
        headers.append((b"x-request-id", given_id.encode()))
        assert httpx.post(intake, content=body, headers=headers).status_code == 200

    kept = [
        row[0]
        for row in superuser.execute("SELECT request_id FROM intake_journal ORDER BY id").fetchall()
    ]
    assert kept[0] == "abc123"
    assert all(len(request_id) == 16 and request_id.isalnum() for request_id in kept[1:])


def test_without_the_database_the_answer_is_503_and_what_was_answered_200_stays(
    intake: str, superuser: psycopg.Connection, another_database: psycopg.Connection
) -> None:
    name = superuser.info.dbname
    assert post(intake, b'"before"') == 200
    closed = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    another_database.execute(closed(sql.Identifier(name), sql.SQL("false")))
    try:
        superuser.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert [post(intake, b'"during"') for _n in range(3)] == [503] * 3
        # Who asks with a wrong signature learns nothing of it.
        assert httpx.post(intake, content=b"{}").status_code == 401
    finally:
        another_database.execute(closed(sql.Identifier(name), sql.SQL("true")))
    deadline = time.monotonic() + 10
    while post(intake, b'"after"') != 200:
        assert time.monotonic() < deadline

    assert stored(superuser) == [b'"before"', b'"after"']


def test_a_database_that_hangs_is_waited_for_only_so_long(
    intake: str, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "PATIENCE_SECONDS", 0.5)
    assert post(intake, b'"before"') == 200
    with superuser.transaction():
        superuser.execute("LOCK TABLE intake_journal IN ACCESS EXCLUSIVE MODE")
        assert post(intake, b'"during"') == 503
    assert post(intake, b'"after"') == 200

    # What was in flight may be stored all the same; what was answered 200 is.
    assert {b'"before"', b'"after"'} <= set(stored(superuser))


def test_more_than_the_memory_should_hold_is_refused_at_once(
    intake: str, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "LARGEST_BACKLOG", 1000)
    large = b'"' + b"x" * 2000 + b'"'

    assert post(intake, large) == 503
    assert post(intake, b'"small"') == 200
    assert stored(superuser) == [b'"small"']


def until_taken(url: str, body: bytes, secret: bytes) -> None:
    """Wait until the intake has heard of a secret."""
    deadline = time.monotonic() + 10
    while httpx.post(url, content=body, headers=signed(body, secret)).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_new_app_secret_is_taken_beside_the_old_one_until_its_time(intake: str) -> None:
    body = recording("wa_inbound_text_ar")
    account, now = Account.objects.get(), timezone.now()

    def status(secret: bytes) -> int:
        return httpx.post(intake, content=body, headers=signed(body, secret)).status_code

    channels.rotate_app_secret(
        account, "new", keep_previous_until=now + timedelta(seconds=3), now=now
    )
    until_taken(intake, body, b"new")
    assert status(b"demo-app-secret") == 200
    assert status(b"") == 401

    while timezone.now() < now + timedelta(seconds=3.2):
        time.sleep(0.05)
    assert (status(b"demo-app-secret"), status(b"new")) == (401, 200)


def test_the_secret_before_the_one_before_is_taken_no_more(intake: str) -> None:
    body = recording("wa_inbound_text_ar")
    account, now = Account.objects.get(), timezone.now()
    for secret in ("second", "third"):
        channels.rotate_app_secret(
            account, secret, keep_previous_until=now + timedelta(hours=1), now=now
        )
    until_taken(intake, body, b"third")

    assert httpx.post(intake, content=body, headers=signed(body, b"second")).status_code == 200
    assert post(intake, body) == 401

    channels.end_previous_app_secret(
        account, by=make_member(Role.Kind.ADMINISTRATOR, organisation.desk()), now=now
    )
    deadline = time.monotonic() + 10
    while httpx.post(intake, content=body, headers=signed(body, b"second")).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_webhook_is_refused_or_lost_while_the_app_secret_changes_under_load(
    intake: str, superuser: psycopg.Connection
) -> None:
    """The provider changes over some time after us: until then it signs with the old secret."""
    account, now = Account.objects.get(), timezone.now()
    secret, statuses, stop = [b"demo-app-secret"], [], threading.Event()

    def deliver(sender: int) -> None:
        with httpx.Client() as client:
            number = 0
            while not stop.is_set():
                body = body_of(text_from(f"SA.{sender}", number))
                answer = client.post(intake, content=body, headers=signed(body, secret[0]))
                statuses.append(answer.status_code)
                number += 1

    threads = [threading.Thread(target=deliver, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        channels.rotate_app_secret(
            account, "new", keep_previous_until=now + timedelta(hours=1), now=now
        )
        probe = recording("wa_inbound_text_ar")
        until_taken(intake, probe, b"new")
        time.sleep(0.2)
        secret[0] = b"new"
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert set(statuses) == {200}
    assert len(statuses) > 50
    assert len([body for body in stored(superuser) if body != probe]) == len(statuses)
