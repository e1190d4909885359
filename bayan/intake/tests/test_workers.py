"""Several workers share the journal without doubling or losing anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels.models import Account
from bayan.core.models import AuditEntry
from bayan.inbox.models import Conversation, Message
from bayan.intake import services, worker
from bayan.intake.tests.hooks import body_of, fates, journal, text_from
from bayan.people.models import Contact
from bayan.triage.endpoint import Endpoint


def at_once(*works: Callable[[], None]) -> None:
    """Run these together, each with a database connection of its own."""
    start = threading.Barrier(len(works))
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:  # handed to the test below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def work_until_empty() -> None:
    while True:
        try:
            if not services.work_off(now=timezone.now(), limit=3).rows and not waiting():
                return
        except OperationalError:
            continue  # chosen as a deadlock's victim: the worker tries again too


def waiting() -> bool:
    return any(state == "waiting" for state, _remark in fates())


def test_two_workers_make_no_second_contact_or_case_of_one_person(
    committed_account: Account,
) -> None:
    senders = [f"SA.{n % 7}" for n in range(120)]
    bodies = [
        body_of(text_from(sender, n) | ({"from": f"96650000000{n % 7}"} if n % 2 else {}))
        for n, sender in enumerate(senders)
    ]
    # Every body comes twice, as after an answer that the provider never saw.
    journal(committed_account, *bodies, *reversed(bodies))

    at_once(work_until_empty, work_until_empty, work_until_empty)

    assert Message.objects.count() == 120
    assert Contact.objects.count() == Conversation.objects.count() == Case.objects.count() == 7
    assert {state for state, _remark in fates()} == {"processed"}


def test_a_row_that_another_worker_holds_is_left_to_it(
    committed_account: Account, superuser: psycopg.Connection
) -> None:
    journal(committed_account, body_of(text_from("SA.1", 1)), body_of(text_from("SA.2", 2)))
    with superuser.transaction():
        superuser.execute("SELECT id FROM intake_journal ORDER BY id LIMIT 1 FOR UPDATE")
        assert services.work_off(now=timezone.now()).rows == 1
        assert services.work_off(now=timezone.now()).rows == 0

    assert services.work_off(now=timezone.now()).rows == 1


def test_the_worker_survives_losing_its_database_and_a_bug(
    committed_account: Account, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_EVERY", 0.05)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        journal(committed_account, body_of(text_from("SA.1", 1)))
        until(lambda: Message.objects.count() == 1)

        connection.close()
        superuser.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        journal(committed_account, body_of(text_from("SA.1", 2)))
        until(lambda: Message.objects.count() == 2)

        with monkeypatch.context() as broken:
            broken.setattr(services, "_claim", lambda _limit: 1 / 0)
            time.sleep(0.3)
        journal(committed_account, body_of(text_from("SA.1", 3)))
        until(lambda: Message.objects.count() == 3)
        until(lambda: not AuditEntry.objects.filter(number=None).exists())
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_model_is_asked_until_the_worker_is_told_to_stop(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, rounds = threading.Event(), []

    def give(_endpoint: Endpoint, *, now: datetime) -> int:
        rounds.append(now)
        if len(rounds) == 2:
            # A bug in it must not end the loop.
            raise ValueError
        if len(rounds) == 3:
            stop.set()
        return 1

    monkeypatch.setattr(cases, "give_second_opinions", give)
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(worker, "ASK_EVERY", 0.01)

    worker._ask(Endpoint("http://127.0.0.1:1/v1", "second"), stop)

    assert len(rounds) == 3
