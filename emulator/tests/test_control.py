"""Faults, the clock, the control API and the page."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, Api, Business, eventually, quiet, start


def test_sent_lists_what_was_accepted_oldest_first(api: Api) -> None:
    ids = [api.send_text(str(n)) for n in range(3)]

    items = api.http.get("/_control/sent").json()["items"]

    assert [item["id"] for item in items] == ids
    assert [item["body"]["text"]["body"] for item in items] == ["0", "1", "2"]
    assert {item["to"] for item in items} == {NOURA}
    assert all(re.match(r"\d{4}-\d\d-\d\dT.*\+00:00", item["at"]) for item in items)


def test_a_message_may_bring_its_own_id_and_time(api: Api, business: Business) -> None:
    message = {
        "id": "wamid.mine",
        "timestamp": "1795328100",
        "type": "text",
        "text": {"body": "قديمة"},
    }

    assert api.write(message=message) == "wamid.mine"
    assert api.write(message=message) == "wamid.mine"

    eventually(lambda: len(business.messages) == 2)
    assert [m["timestamp"] for m in business.messages] == ["1795328100"] * 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": NOURA},
        {"from": "abc", "text": "مرحبًا"},
        {"text": "مرحبًا"},
        {"from": NOURA, "message": "مرحبًا"},
        {"from": NOURA, "text": "مرحبًا", "hide_phone": "yes"},
    ],
)
def test_a_message_nobody_could_have_written_is_refused(api: Api, body: dict[str, str]) -> None:
    answer = api.http.post("/_control/messages", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_error_strikes_as_often_as_asked(api: Api) -> None:
    api.fault(kind="error", code=131048, count=2)
    body = {"type": "text", "text": {"body": "أهلًا"}}

    answers = [api.send(body) for _ in range(3)]

    assert [answer.json().get("error", {}).get("code") for answer in answers] == [
        131048,
        131048,
        None,
    ]
    assert api.http.get("/_control/faults").json()["items"] == []


def test_a_duplicate_comes_twice_with_the_same_bytes(api: Api, business: Business) -> None:
    api.fault(kind="duplicate", count=1)

    api.write(text="بلاغ")

    eventually(lambda: len(business.received) == 2)
    assert business.received[0][1] == business.received[1][1]


def test_a_dropped_webhook_never_comes(api: Api, business: Business) -> None:
    api.fault(kind="drop", count=1)
    lost = api.write(text="ضائعة")
    api.write(text="واصلة")

    eventually(lambda: business.received)
    assert [m["text"]["body"] for m in business.messages] == ["واصلة"]
    assert api.webhooks(about=lost)[0]["state"] == "dropped"


def test_reorder_lets_the_next_one_pass(api: Api, business: Business) -> None:
    api.fault(kind="reorder", count=1)
    first = api.write(text="الأولى")
    second = api.write(text="الثانية")

    eventually(lambda: len(business.messages) == 2)
    assert [m["id"] for m in business.messages] == [second, first]


def test_a_delay_is_felt(api: Api, business: Business) -> None:
    api.fault(kind="delay", delay_ms=150)
    started_at = time.monotonic()
    api.write(text="بلاغ")

    eventually(lambda: business.received)
    assert time.monotonic() - started_at >= 0.15


def test_after_a_timeout_the_message_is_accepted_all_the_same(api: Api) -> None:
    api.fault(kind="timeout", delay_ms=400, count=1)

    with pytest.raises(httpx.ReadTimeout):
        api.http.post(
            api.path,
            json={"messaging_product": "whatsapp", "to": NOURA, "text": {"body": "أهلًا"}},
            headers=api.headers,
            timeout=0.1,
        )

    assert len(api.http.get("/_control/sent").json()["items"]) == 1


def test_an_outage_loses_nothing(api: Api, business: Business) -> None:
    api.fault(kind="outage")
    answer = api.send({"type": "text", "text": {"body": "أهلًا"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 2)
    message_id = api.write(text="أثناء الانقطاع")
    assert business.received == []

    api.http.delete("/_control/faults?kind=outage")

    eventually(lambda: business.messages)
    assert business.messages[0]["id"] == message_id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "magic"},
        {"kind": "error", "rate": 2},
        {"kind": "error", "code": 5},
        {"kind": "delay", "delay_ms": "long"},
        {"kind": "drop", "count": 0},
    ],
)
def test_a_fault_nobody_knows_is_refused(api: Api, body: dict[str, str]) -> None:
    assert api.http.post("/_control/faults", json=body).status_code == 400


def test_the_clock_moves_to_where_it_is_told(api: Api, business: Business) -> None:
    told = api.set_clock(at="2026-12-01T08:00:00+03:00")
    assert told["now"].startswith("2026-12-01T05:00:00")

    api.write(text="من المستقبل")
    eventually(lambda: business.messages)
    assert int(business.messages[0]["timestamp"]) - told["unix"] < 5
    assert api.http.post("/_control/clock", json={"at": "tomorrow"}).status_code == 400
    assert api.http.post("/_control/clock", json={}).status_code == 400


def test_the_business_reads_and_types(api: Api) -> None:
    earlier = api.write(text="الأولى")
    later = api.write(text="الثانية")
    quiet(api)
    body = {"status": "read", "message_id": later, "typing_indicator": {"type": "text"}}

    answer = api.http.post(
        api.path, json={"messaging_product": "whatsapp", **body}, headers=api.headers
    )

    assert answer.json() == {"success": True}
    assert {message_status(api, earlier), message_status(api, later)} == {"read"}
    body["message_id"] = "wamid.unknown"
    answer = api.http.post(
        api.path, json={"messaging_product": "whatsapp", **body}, headers=api.headers
    )
    assert answer.json()["error"]["code"] == 131009


def message_status(api: Api, message_id: str) -> str:
    """As the page's event stream tells it when it opens."""
    with api.http.stream("GET", f"/_phone/events?person={NOURA}") as events:
        line = next(line for line in events.iter_lines() if line.startswith("data: "))
    snapshot = json.loads(line.removeprefix("data: "))
    statuses: dict[str, str] = {m["id"]: m["status"] for m in snapshot["messages"]}
    return statuses[message_id]


def test_a_message_counts_as_delivered_once_the_business_took_it(
    api: Api, business: Business
) -> None:
    api.set_options(retry_pause_ms=200)
    business.answers[:] = [500]
    message_id = api.write(text="بلاغ")
    eventually(lambda: business.received)
    assert message_status(api, message_id) == "sent"

    quiet(api)
    assert message_status(api, message_id) == "delivered"


@pytest.mark.parametrize(("lang", "direction"), [("ar", "rtl"), ("en", "ltr")])
def test_the_page_speaks_both_languages_under_a_strict_policy(
    api: Api, lang: str, direction: str
) -> None:
    answer = api.http.get("/", params={"lang": lang})

    assert f'lang="{lang}" dir="{direction}"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "{{" not in answer.text
    assert " style=" not in answer.text
    assert not re.search(r"<script(?![^>]* src=)", answer.text)


def test_both_languages_have_the_same_words() -> None:
    words = json.loads((Path(__file__).parents[1] / "static" / "words.json").read_text())

    def keys(value: object) -> object:
        return {k: keys(v) for k, v in value.items()} if isinstance(value, dict) else None

    arabic, english = words["ar"], words["en"]
    forms = arabic.pop("counts")
    assert english.pop("counts").keys() == forms.keys()
    assert keys(arabic) == keys(english)
    assert all(
        set(form) == {"zero", "one", "two", "few", "many", "other"} for form in forms.values()
    )


def test_a_page_of_another_site_may_not_write(api: Api) -> None:
    answer = api.http.post(
        "/_control/messages",
        json={"from": NOURA, "text": "مرحبًا"},
        headers={"Origin": "https://elsewhere.example"},
    )

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js"])
def test_only_the_page_files_are_served(api: Api, path: str) -> None:
    assert api.http.get(path).status_code == 404


def test_chats_survive_a_restart(tmp_path: Path, listening_business: Business) -> None:
    settings = Settings(callback=listening_business.url, data_dir=tmp_path)
    options = Options(status_delay_ms=1)
    server, thread, url = start(Emulator(settings, options))
    api = Api(url)
    message_id = api.write(text="قبل الإعادة", name="نورة", **{"from": "966500009904"})
    quiet(api)
    api.http.close()
    server.should_exit = True
    thread.join()
    with (tmp_path / "chats.jsonl").open("ab") as history:
        history.write(b'["message",{"id":')

    server, thread, url = start(Emulator(settings, options))
    api = Api(url)
    with api.http.stream("GET", "/_phone/events?person=966500009904") as events:
        line = next(line for line in events.iter_lines() if line.startswith("data: "))
    api.http.close()
    server.should_exit = True
    thread.join()

    snapshot = json.loads(line.removeprefix("data: "))
    assert snapshot["person"]["name"] == "نورة"
    assert [(m["id"], m["status"]) for m in snapshot["messages"]] == [(message_id, "delivered")]


def test_it_stops_at_once_with_a_phone_open_and_refuses_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "emulator", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:  # noqa: S603  our own
        base_url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(base_url))
        second = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        with httpx.stream("GET", f"{base_url}/_phone/events?person={NOURA}") as events:
            next(events.iter_lines())
            running.send_signal(signal.SIGTERM)
            started_at = time.monotonic()
            assert running.wait(5) == 0
            assert time.monotonic() - started_at < 2
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert str(port) in second.stderr


def _answers(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
