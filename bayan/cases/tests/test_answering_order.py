"""Whatever is pressed, and whoever dies in between: each person has an answer once, and nobody is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bayan.cases import services
from bayan.cases.models import Answer, AnswerRecipient, Case
from bayan.cases.services import delivering
from bayan.cases.tests.factories import MONDAY, make_matter, started
from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.core.errors import DomainError
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

LATER = MONDAY + timedelta(hours=2)
To = AnswerRecipient.State
PRESSED = (
    "step",
    "step",
    "claim",
    "come back",
    "arrive",
    "die",
    "pause",
    "resume",
    "take back",
    "also",
)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(pressed=["step", "claim", "take back", "also"], closes=True)
@example(pressed=["step", "claim", "take back", "come back", "step", "claim"], closes=True)
@example(pressed=["step", "die", "pause", "claim", "step", "take back"], closes=False)
@given(pressed=st.lists(st.sampled_from(PRESSED), max_size=10), closes=st.booleans())
def test_no_order_of_presses_and_deaths_tells_anybody_twice(
    pressed: list[str], closes: bool, desk_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "BATCH", 2)
    monkeypatch.setattr(delivering, "AHEAD", 3)
    with transaction.atomic():
        Outgoing.objects.update(state="failed")
        cases = make_matter(4)
        answer = started(
            cases[0], desk_responder, outcome="resolved" if closes else "", excuse="confirmed"
        )
        play = _Play(answer, desk_responder, monkeypatch)
        for name in pressed:
            play.press(name)
        play.end()

        rows = list(answer.recipients.select_related("case", "message__outgoing"))
        assert len(rows) == 4
        written = Message.objects.filter(matter__in=[case.reference for case in cases])
        ours = Counter(written.filter(direction="out").values_list("matter", flat=True))
        assert set(ours.values()) <= {1}
        assert set(play.arrived.values()) <= {1}
        for row in rows:
            outgoing = row.message.outgoing if row.message else None
            assert row.state in {To.QUEUED, To.TAKEN_BACK}
            has_it = row.state == To.QUEUED
            assert (outgoing is not None and outgoing.state == "sent") is has_it
            assert play.arrived[row.case.reference] == has_it
            assert row.case.is_closed is (closes and has_it)
            assert row.case.stage == (("closed" if closes else "in_progress") if has_it else "new")
        transaction.set_rollback(True)


class _Play:
    """Presses buttons, and is dispatcher and worker in between."""

    def __init__(self, answer: Answer, by: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer, self.by, self.patch = answer, by, monkeypatch
        self.now = LATER
        self.in_hand: list[int] = []
        self.arrived: Counter[str] = Counter()

    def press(self, name: str) -> None:
        self.now += timedelta(seconds=2)
        by, now = self.by, self.now
        in_hand = Outgoing.objects.filter(pk__in=self.in_hand)
        key = self.answer.public_id
        match name:
            case "step":
                services.Delivery().step(now=self.now)
            case "claim":
                self.in_hand += [row.pk for row in channels.claim(now=self.now)]
            case "come back":
                # The provider was busy: it is tried again.
                in_hand.filter(state="sending").update(state="queued", not_before=self.now)
                self.in_hand = []
            case "arrive":
                # What a dispatcher has in its hands leaves, whatever its row says by now.
                self.arrived.update(in_hand.values_list("message__matter", flat=True))
                in_hand.filter(state="sending").update(state="sent")
                self.in_hand = []
            case "die":
                self._die()
            case "pause":
                self._try(lambda: services.pause_answer(key, by=by, now=now))
            case "resume":
                self._try(lambda: services.resume_answer(key, by=by, now=now))
            case "take back":
                self._try(lambda: services.take_back_answer(key, by=by, now=now))
            case "also":
                case_id = self.answer.recipients.order_by("pk")[0].case.public_id
                self._try(lambda: services.answer_also(key, case_id, by=by, now=now))

    def _die(self) -> None:
        class Killed(Exception):
            pass

        def dies(*args: object, **more: object) -> None:
            raise Killed

        with self.patch.context() as patch:
            patch.setattr(delivering, "_keep", dies)
            with suppress(Killed):
                delivering.deliver_some(self.answer.pk, now=self.now)

    def _try(self, press: Callable[[], object]) -> None:
        with suppress(DomainError), transaction.atomic():
            press()

    def end(self) -> None:
        """Let it come to its end, whatever that is."""
        self.press("resume")
        for _round in range(8):
            for name in ("step", "claim", "arrive"):
                self.press(name)
            self.answer.refresh_from_db()
            if self.answer.is_over and not self.in_hand:
                return
        assert self.answer.is_over


def test_taking_back_waits_for_a_claim_and_leaves_it_what_it_took(
    committed_db: None, superuser: psycopg.Connection
) -> None:
    responder = make_member(Role.Kind.RESPONDER, organisation.desk())
    cases = make_matter(3)
    answer = started(cases[0], responder, outcome="resolved")
    services.Delivery().step(now=LATER)

    def take_back() -> None:
        try:
            services.take_back_answer(answer.public_id, by=responder, now=LATER)
        finally:
            connection.close()

    superuser.autocommit = True
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            claimed = channels.claim(now=LATER)
            asked = pool.submit(take_back)
            while not superuser.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not asked.done()
        asked.result()

    assert len(claimed) == 3
    assert set(answer.recipients.values_list("state", flat=True)) == {To.QUEUED}
    assert Outgoing.objects.filter(state="sending").count() == 3
    assert not Case.objects.open().exists()
