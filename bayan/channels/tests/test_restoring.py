"""What a restored instance does not send by itself."""

from __future__ import annotations

from datetime import datetime

from bayan.channels import services
from bayan.channels.models import Broadcast, Outgoing, Template
from bayan.channels.tests.factories import make_account


def test_what_would_leave_by_itself_becomes_uncertain_and_broadcasts_stop(
    db: None, now: datetime
) -> None:
    number = make_account().numbers.get()
    template = Template.objects.create(
        account=number.account, name="storm", language="ar", category="UTILITY", components=[],
        changed_at=now,
    )  # fmt: skip
    broadcasts = {
        state: Broadcast.objects.create(
            node=number.node,
            number=number,
            template=template,
            title=state,
            state=state,
            created_at=now,
        )
        for state in Broadcast.State
    }
    running = broadcasts[Broadcast.State.RUNNING]

    def row(state: Outgoing.State, broadcast: Broadcast | None = None) -> Outgoing:
        return Outgoing.objects.create(
            node=number.node, number=number, to_phone="966500000105", content={}, state=state,
            lane=Outgoing.Lane.WORK, broadcast=broadcast, not_before=now, created_at=now,
        )  # fmt: skip

    single = {state: row(state) for state in Outgoing.State}
    many = {state: row(state, running) for state in Outgoing.State}

    assert services.doubt_unsent() == 5

    for rows, doubted in (
        (single, {"queued", "sending", "held"}),
        (many, {"queued", "sending"}),
    ):
        for state, each in rows.items():
            each.refresh_from_db()
            assert each.state == ("uncertain" if state in doubted else state)
            assert each.error == ({"title": "restored"} if state in doubted else None)
    for before, broadcast in broadcasts.items():
        broadcast.refresh_from_db()
        assert broadcast.state == ("stopped" if broadcast == running else before)
    # A person decides.
    services.resend(single[Outgoing.State.QUEUED], now=now)
    single[Outgoing.State.QUEUED].refresh_from_db()
    assert single[Outgoing.State.QUEUED].state == "queued"
