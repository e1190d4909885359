"""Providers repeat themselves, mix up the order and send nonsense: the result is the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.cases.models import Case
from bayan.channels.models import Account, Outgoing, Status
from bayan.channels.services import RANK
from bayan.channels.tests.factories import SINCE, make_number
from bayan.inbox.models import Conversation, Message
from bayan.intake import services
from bayan.intake.tests.hooks import NAMES, body_of, fates, journal, recording, text_from
from bayan.people.models import Contact

# Each example starts from the same rows: its changes are rolled back.
example_by_example = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def parts() -> list[bytes]:
    """Every message and status of the recordings in a body of its own."""
    found = []
    for name in NAMES:
        for entry in json.loads(recording(name))["entry"]:
            for change in entry["changes"]:
                value = change["value"]
                rest = {k: v for k, v in value.items() if k not in {"messages", "statuses"}}
                found += [body_of(**rest | {"messages": [m]}) for m in value.get("messages", [])]
                found += [body_of(**rest | {"statuses": [s]}) for s in value.get("statuses", [])]
    return found


PARTS = parts()
# One message of ours, and everything a provider may ever say of it.
OURS = "wamid.OURS"
SAID = [
    body_of(
        statuses=[
            {
                "id": OURS,
                "status": status,
                "timestamp": str(1795329000 + moment),
                "recipient_id": "966500000105",
                **(
                    {"errors": [{"code": 131026, "title": "Message undeliverable"}]}
                    if status == "failed"
                    else {}
                ),
            }
        ]
    )
    for moment, status in enumerate(["sent", "failed", "delivered", "read", "played", "warning"])
]


def our_message(external_id: str | None = OURS) -> Outgoing:
    number = make_number()
    return Outgoing.objects.create(
        node=number.node, number=number, to_phone="966500000105", content={}, lane=10,
        state="sent" if external_id else "sending", external_id=external_id, attempts=1,
        not_before=SINCE, created_at=SINCE, claimed_at=SINCE,
    )  # fmt: skip


def final_state() -> dict[str, Any]:
    """What is true in the end, without what tells the order of arrival."""
    return {
        "messages": set(Message.objects.values_list("external_id", "kind", "text", "sent_at")),
        "people": {
            frozenset(contact.identities.values_list("scheme", "value"))
            for contact in Contact.objects.all()
        },
        "cases": Case.objects.count(),
        "conversations": Conversation.objects.count(),
        "statuses": set(Status.objects.values_list("external_id", "status", "recipient")),
        "ours": set(
            Outgoing.objects.values_list("state", "sent_at", "delivered_at", "read_at", "failed_at")
        ),
        "fates": {state for state, _remark in fates()},
    }


@example_by_example
@given(data=st.data())
def test_whatever_the_order_and_however_often_the_end_is_the_same(
    account: Account, now: datetime, data: Any
) -> None:
    with rolled_back():
        our_message()
        journal(account, *PARTS, *SAID)
        services.work_off(now=now)
        expected = final_state()
    everything = [*PARTS, *SAID]
    indexes = range(len(everything))
    again = data.draw(st.lists(st.sampled_from(indexes), max_size=20))
    order = data.draw(st.permutations([*indexes, *again]))
    batch = data.draw(st.integers(1, len(order)))

    with rolled_back():
        our_message()
        journal(account, *(everything[index] for index in order))
        while services.work_off(now=now, limit=batch).rows:
            pass

        assert final_state() == expected


@example_by_example
@given(order=st.permutations(range(len(SAID))))
def test_a_message_of_ours_never_goes_back(
    account: Account, now: datetime, order: list[int]
) -> None:
    with rolled_back():
        row = our_message()
        ranks = []
        for index in order:
            journal(account, SAID[index])
            services.work_off(now=now)
            row.refresh_from_db()
            ranks.append(RANK[row.state])

        assert ranks == sorted(ranks)
        assert row.state == "read"
        assert row.statuses.count() == len(SAID)


def test_a_status_that_is_faster_than_the_answer_to_its_request_is_not_lost(
    account: Account, now: datetime
) -> None:
    row = our_message(external_id=None)
    said = json.loads(SAID[2])
    said["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"] = str(
        row.public_id
    )

    journal(account, json.dumps(said).encode())
    services.work_off(now=now)

    row.refresh_from_db()
    assert (row.state, row.external_id) == ("delivered", OURS)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=10)
    | st.sampled_from(["\0", "\ud800", "9" * 400, "messages", "\u202e", "x" * 3000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where another value can be put."""
    found: list[tuple[Any, Any]] = []
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found += [(value, key), *places(inner)]
    return found


@settings(example_by_example, max_examples=80)
@given(data=st.data())
def test_a_body_with_wrong_types_anywhere_harms_neither_us_nor_its_neighbours(
    account: Account, now: datetime, data: Any
) -> None:
    body = copy.deepcopy(json.loads(recording(data.draw(st.sampled_from(NAMES)))))
    for _change in range(data.draw(st.integers(1, 4))):
        holder, key = data.draw(st.sampled_from(places(body)))
        if data.draw(st.booleans()) and isinstance(holder, dict):
            holder.pop(key, None)
        else:
            holder[key] = data.draw(json_values)
        if not places(body):
            break
    before, after = body_of(text_from("SA.1", 1)), body_of(text_from("SA.2", 2))

    with rolled_back():
        journal(account, before, json.dumps(body).encode(), after)
        assert services.work_off(now=now).rows == 3

        states = [state for state, _remark in fates()]
        assert (states[0], states[2]) == ("processed", "processed")
        assert states[1] in {"processed", "set aside"}
        assert set(Message.objects.values_list("external_id", flat=True)) >= {
            "wamid.SA.1.1",
            "wamid.SA.2.2",
        }
        assert services.work_off(now=now).rows == 0
