"""What a load test relies on: speed as asked, statuses in batches, and an account of every send."""

import time
from datetime import datetime

import pytest

from emulator.carrier import Bucket
from emulator.tests.conftest import Api, Business, eventually, quiet
from emulator.world import Record, Sent

TEXT = {"type": "text", "text": {"body": "أهلًا"}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bucket's time in nanoseconds, which the test sets."""
    moment = [10**12]
    monkeypatch.setattr("emulator.carrier.time.monotonic_ns", lambda: moment[0])
    return moment


@pytest.mark.parametrize(("burst", "per_s"), [(1, 1000), (80, 80), (45, 1 / 6)])
def test_a_bucket_gives_its_burst_and_then_exactly_its_rate(
    clock: list[int], burst: int, per_s: float
) -> None:
    bucket = Bucket(burst=burst, per_s=per_s)
    given_at_once = sum(bucket.take() for _ in range(burst + 50))
    given_later = 0
    for _ in range(30 * 1000):
        clock[0] += round(1e9 / per_s / 10)
        given_later += bucket.take()

    assert (given_at_once, given_later) == (burst, 3000)


def test_the_burst_is_an_option(api: Api) -> None:
    api.set_options(throughput_per_s=0.1, throughput_burst=2)

    codes = [api.send(TEXT).status_code for _ in range(3)]

    assert codes == [200, 200, 400]


def test_an_answer_takes_as_long_as_asked_whatever_it_says(api: Api) -> None:
    api.set_options(answer_ms=120, answer_jitter_ms=20)

    for body in (TEXT, {"type": "hologram"}):
        started_at = time.monotonic()
        api.send(body)
        assert 0.1 <= time.monotonic() - started_at < 0.4


def test_a_send_is_listed_with_the_time_it_came_not_the_time_it_was_answered(api: Api) -> None:
    api.set_options(answer_ms=300)
    before = time.time()
    api.send_text()

    (item,) = api.http.get("/_control/sent").json()["items"]

    assert before - 0.001 <= datetime.fromisoformat(item["at"]).timestamp() < before + 0.25


def test_statuses_are_gathered_into_one_webhook(api: Api, business: Business) -> None:
    api.set_options(webhook_batch=6, webhook_batch_ms=60_000)
    sent = [api.send_text(str(n)) for n in range(3)]

    eventually(lambda: business.received)
    assert len(business.received) == 1
    changes = business.bodies[0]["entry"][0]["changes"]
    statuses = [change["value"]["statuses"][0] for change in changes]
    assert sorted((s["id"], s["status"]) for s in statuses) == sorted(
        (message_id, status) for message_id in sent for status in ("sent", "delivered")
    )
    (hook,) = api.webhooks(about=sent[2])
    assert hook["kind"] == "statuses"


def test_a_webhook_that_does_not_fill_up_leaves_when_its_time_is_over(
    api: Api, business: Business
) -> None:
    api.set_options(webhook_batch=1000, webhook_batch_ms=30)
    api.send_text()

    eventually(lambda: business.received)
    quiet(api)
    changes = [change for body in business.bodies for change in body["entry"][0]["changes"]]
    assert [c["value"]["statuses"][0]["status"] for c in changes] == ["sent", "delivered"]


def test_sent_can_be_read_in_pages(api: Api) -> None:
    ids = [api.send_text(str(n)) for n in range(5)]

    first = api.http.get("/_control/sent?after=0&limit=3").json()
    second = api.http.get(f"/_control/sent?after={first['next']}").json()
    none = api.http.get(f"/_control/sent?after={second['next']}").json()

    assert [item["id"] for item in first["items"] + second["items"]] == ids
    assert none == {"items": [], "next": 5}
    assert api.http.get("/_control/sent?after=-1").status_code == 400


def test_half_a_million_sends_are_kept_and_keep_their_positions() -> None:
    record: Record[Sent] = Record()
    for n in range(500_002):
        record.add(Sent(id=str(n), to="1", at=0.0, body=b"{}"))

    first, items = record.since(0)

    assert (first, len(items), items[0].id, items[-1].id) == (2, 500_000, "2", "500001")
    assert [item.id for item in record.since(500_000)[1]] == ["500000", "500001"]


def test_refused_sends_are_listed_with_what_they_said_of_themselves(api: Api) -> None:
    api.send({**TEXT, "biz_opaque_callback_data": "row-7"}, to="966500009906")
    api.send({"type": "hologram"})
    api.http.post(api.path, content=b"{", headers=api.headers)

    items = api.http.get("/_control/refused").json()["items"]

    assert [(i["code"], i["to"], i["biz_opaque_callback_data"]) for i in items] == [
        (131047, "966500009906", "row-7"),
        (131051, "966500000101", None),
        (100, None, None),
    ]
    assert api.http.get("/_control/refused?after=2").json()["next"] == 3


def test_many_people_can_be_made_with_their_windows_open(api: Api, business: Business) -> None:
    asked = {"phone": "966511000000", "count": 300, "wrote": True}
    assert api.http.post("/_control/people", json=asked).status_code == 200

    assert api.send(TEXT, to="966511000299").status_code == 200
    assert api.send(TEXT, to="966511000300").json()["error"]["code"] == 131047
    quiet(api)
    assert business.messages == []
    for wrong in ({"phone": "SA.1", "count": 2}, {"phone": "966511000000", "count": 0}):
        assert api.http.post("/_control/people", json=wrong).status_code == 400
