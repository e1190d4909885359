from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from bayan.channels import services as channels
from bayan.channels.models import Alert, Media, Number, Outgoing
from bayan.channels.tests.factories import SINCE, make_account
from bayan.config import health
from conftest import StaffClient


def test_alive_says_ok_without_asking_anybody(client: StaffClient) -> None:
    assert client.get("/healthz").content == b"ok"


def test_ready_when_database_migrations_and_queue_are_well(client: StaffClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "migrations": "ok", "queue": "ok"}


def test_not_ready_when_webhooks_wait_too_long(
    client: StaffClient, superuser: psycopg.Connection
) -> None:
    account = make_account()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_journal (received_at, account_id, request_id, body) "
            "VALUES (%s, %s, '', '{}')",
            [timezone.now() - timedelta(minutes=2), account.pk],
        )

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "worker" in answer.json()["queue"]


def test_not_ready_without_a_database(client: StaffClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_connection: object) -> None:
        raise OperationalError

    monkeypatch.setattr(health, "MigrationExecutor", gone)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"].startswith("unreachable")


def test_the_figures_are_prometheus_text(client: StaffClient, now: datetime) -> None:
    text = client.get("/metrics").content.decode()
    for name in ("bayan_journal_waiting", "bayan_outgoing_uncertain", "bayan_database_up"):
        assert f"# TYPE {name} gauge" in text
    assert "bayan_database_up 1" in text


def test_the_figures_tell_of_stopped_numbers_alerts_lanes_and_files(
    client: StaffClient, now: datetime
) -> None:
    account = make_account()
    number = account.numbers.get()
    Number.objects.update(stopped_at=now, stop_error={"code": 190})
    channels.raise_alert(account, "token_refused", severity=Alert.Severity.CRITICAL, now=now)
    for lane in (Outgoing.Lane.PERSON, Outgoing.Lane.BULK, Outgoing.Lane.BULK):
        Outgoing.objects.create(
            node=number.node, number=number, to_phone="966500000105", lane=lane, content={},
            not_before=SINCE, created_at=SINCE,
        )  # fmt: skip
    Media.objects.create(
        node=number.node, number=number, kind="image", state=Media.State.WAITING, created_at=SINCE
    )

    lines = client.get("/metrics").content.decode().splitlines()

    for line in (
        "bayan_numbers_stopped 1.0",
        "bayan_media_waiting 1.0",
        'bayan_alerts_open{severity="critical"} 1',
        'bayan_alerts_open{severity="warning"} 0',
        'bayan_lane_waiting{lane="person"} 1',
        'bayan_lane_waiting{lane="crisis"} 0',
        'bayan_lane_waiting{lane="bulk"} 2',
    ):
        assert line in lines


def test_every_answer_carries_a_request_id_and_the_policy(client: StaffClient) -> None:
    answer = client.get("/sign-in/", headers={"X-Request-ID": "abc123"})
    assert answer.headers["X-Request-ID"] == "abc123"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/sign-in/", headers={"X-Request-ID": "bad id\n"}).headers["X-Request-ID"]
