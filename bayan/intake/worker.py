"""The worker's loops: journal, sealer, clocks, answers, letters to members, mailboxes, housekeeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import psycopg
import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from bayan.cases import services as cases
from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.live import heard, listening_parameters
from bayan.correspondence import services as correspondence
from bayan.intake import services
from bayan.intake.mailbox import read_mailboxes
from bayan.meetings import services as meetings
from bayan.needs import services as needs
from bayan.press import services as press
from bayan.retention import services as retention
from bayan.triage.endpoint import Endpoint
from bayan.work import services as work

# Without a word from the intake the journal is looked at all the same: a word can be lost.
LOOK_EVERY = 1.0
SEAL_EVERY = 1.0
# A clock rings within a second of its time, and its message leaves in the next.
RING_EVERY = 1.0
ASK_EVERY = 2.0
REMIND_EVERY = 60.0
# An answer to many keeps a few seconds of messages ahead of the dispatcher.
DELIVER_EVERY = 1.0
# Whoever signs a letter sees it leave.
HAND_OVER_EVERY = 1.0
# In a surge whoever writes is thanked within seconds.
TEND_EVERY = 1.0
KEEP_HOUSE_EVERY = 3600.0
# So many batches of what is to be removed, between two looks at who is to be reminded.
REMOVE_AT_ONCE = 50
# Members are reached by the next way within a second.
REACH_EVERY = 1.0
READ_MAIL_EVERY = 10.0
HEED_STOP_EVERY = 1.0

log = structlog.get_logger(__name__)


def load() -> None:
    """Read what messages are read with; a pack that cannot be used ends the process here, with its reason."""
    cases.thresholds()
    cases.reader()


def run(stop: threading.Event) -> None:
    """Run all loops until `stop` is set; each finishes the batch that it is at."""
    wake = threading.Event()
    loops = [
        threading.Thread(target=_listen, args=(wake, stop), name="listener", daemon=True),
        threading.Thread(target=_work_off, args=(wake, stop), name="journal"),
        threading.Thread(target=_every, args=(SEAL_EVERY, audit.seal, stop), name="sealer"),
        threading.Thread(target=_every, args=(RING_EVERY, _ring, stop), name="clocks"),
        threading.Thread(target=_every, args=(TEND_EVERY, _tend, stop), name="surges"),
        threading.Thread(
            target=_every,
            args=(TEND_EVERY, lambda: press.tend(now=timezone.now()), stop),
            name="stories",
        ),
        threading.Thread(
            target=_every,
            args=(REMIND_EVERY, lambda: _remind_and_remove(stop), stop),
            name="reminders",
        ),
        threading.Thread(
            target=_every,
            args=(DELIVER_EVERY, _deliver_with(cases.Delivery()), stop),
            name="answers",
        ),
        threading.Thread(
            target=_every,
            args=(HAND_OVER_EVERY, _hand_over, stop),
            name="letters",
        ),
        threading.Thread(
            target=_every,
            args=(HAND_OVER_EVERY, lambda: meetings.tend(now=timezone.now()), stop),
            name="meetings",
        ),
        threading.Thread(
            target=_every,
            args=(REACH_EVERY, _reach_with(channels.Reaching()), stop),
            name="reaching",
        ),
        # A mail server that hangs must not hold up the process's end.
        threading.Thread(
            target=_every,
            args=(READ_MAIL_EVERY, lambda: read_mailboxes(now=timezone.now()), stop),
            name="mailboxes",
            daemon=True,
        ),
        threading.Thread(
            target=_every,
            args=(KEEP_HOUSE_EVERY, lambda: services.keep_house(now=timezone.now()), stop),
            name="housekeeping",
        ),
    ]
    if settings.TRIAGE_ENDPOINT is not None:
        # What it waits for when the process ends is asked again by another.
        arguments = (settings.TRIAGE_ENDPOINT, stop)
        loops.append(threading.Thread(target=_ask, args=arguments, name="asking", daemon=True))
    for loop in loops:
        loop.start()
    stop.wait()
    wake.set()
    for loop in loops:
        if not loop.daemon:
            loop.join()


def _work_off(wake: threading.Event, stop: threading.Event) -> None:
    watch, matching = cases.Watch(), cases.Matching()
    while not stop.is_set():
        wake.clear()
        began = time.perf_counter()
        done = _attempt(lambda: services.work_off(now=timezone.now()))
        # A member waits for this one, standing in a street.
        _attempt(lambda: cases.answer_forwards(now=timezone.now()))
        if done is None:
            stop.wait(1)
        elif done.rows:
            log.info(
                "journal.worked_off",
                rows=done.rows,
                messages=done.messages,
                set_aside=done.set_aside,
                seconds=round(time.perf_counter() - began, 3),
            )
            _attempt(lambda: watch.look(now=timezone.now()))
        else:
            compared = (
                _attempt(lambda: matching.look(now=timezone.now())),
                _attempt(lambda: cases.look_at_pictures(now=timezone.now())),
            )
            if not any(compared):
                wake.wait(LOOK_EVERY)
    connection.close()


def _ring() -> int:
    """Ring the clocks whose time has come, and tell those whom it concerns."""
    now = timezone.now()
    rang = 0
    while done := work.ring(now=now):
        rang += done
    rang += work.tell(now=now) + work.tell_outside(now=now) + work.settle_outside(now=now)
    return rang + needs.tell(now=now)


def _remind_and_remove(stop: threading.Event) -> int:
    """Remind people for whose words a case waits; then remove some, for which nobody waits."""
    done = cases.remind_people(now=timezone.now())
    for _batch in range(REMOVE_AT_ONCE):
        if stop.is_set() or not retention.remove_some(now=timezone.now()):
            break
    return done


def _hand_over() -> int:
    """Letters, then the summaries of their answers."""
    now = timezone.now()
    return correspondence.hand_over(now=now) + correspondence.hand_over_digests(now=now)


def _deliver_with(delivery: cases.Delivery) -> Callable[[], int]:
    return lambda: delivery.step(now=timezone.now())


def _reach_with(reaching: channels.Reaching) -> Callable[[], int]:
    return lambda: reaching.step(now=timezone.now())


def _tend() -> int:
    """Do what surges ask for, what was ended together, what followers are owed, until nothing of it waits."""
    tended = 0
    while True:
        now = timezone.now()
        done = cases.tend_surges(partial(services.backlog, now=now), now=now)
        done += cases.end_some(now=now) + cases.tell_followers(now=now)
        done += cases.tell_promises(now=now) + cases.date_anew(now=now)
        tended += done
        if not done:
            return tended


def _ask(endpoint: Endpoint, stop: threading.Event) -> None:
    while not stop.is_set():
        if not _attempt(lambda: cases.give_second_opinions(endpoint, now=timezone.now())):
            stop.wait(ASK_EVERY)
    connection.close()


def _every(seconds: float, work: Callable[[], object], stop: threading.Event) -> None:
    while not stop.is_set():
        has_worked = _attempt(work) is not None
        if seconds > 60:
            connection.close()
        stop.wait(seconds if has_worked else min(seconds, 60))
    connection.close()


def _attempt[T](work: Callable[[], T]) -> T | None:
    """What the work returns; None when it failed, to be tried again later.

    The connection is kept from one time to the next: signing in costs more than a small batch.
    """
    try:
        return work()
    except Error as error:
        log.warning("worker.waits", error=f"{type(error).__name__}: {error}".splitlines()[0])
    except Exception:
        # A loop that ended would leave its work undone, and nobody would notice.
        log.exception("worker.failed")
    connection.close()
    return None


def _listen(wake: threading.Event, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with psycopg.connect(**listening_parameters(), autocommit=True) as listener:
                listener.execute("LISTEN bayan_intake")
                while not stop.is_set():
                    if heard(listener, seconds=HEED_STOP_EVERY):
                        wake.set()
        except psycopg.Error as error:
            log.warning("worker.listener_lost", error=type(error).__name__)
        stop.wait(1)
