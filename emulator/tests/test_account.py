"""The account: several numbers, tokens and secrets that change, flows, and the handshake."""

import hashlib
import hmac
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import NOURA, OPTIONS, PATIENCE_S, Api, Business, eventually, start

ACCOUNT = "104857600000001"
FIRST, SECOND = "106540000000940", "106540000000941"
TEXT = {"type": "text", "text": {"body": "أهلًا"}}


@pytest.fixture
def account(listening_business: Business) -> Iterator[Api]:
    """An emulator of its own with two numbers, for tests that change the account."""
    settings = Settings(callback=listening_business.url, number=(f"{SECOND}=966138000000",))
    server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
    listening_business.received.clear()
    api = Api(url)
    yield api
    api.http.close()
    server.should_exit = True
    thread.join(PATIENCE_S)


def ask(api: Api, path: str, **query: str) -> Any:
    return api.http.get(f"/v25.0/{path}", params=query, headers=api.headers).json()


def control(api: Api, path: str, **asked: Any) -> Any:
    answer = api.http.post(f"/_control/{path}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_number_has_its_own_window_speed_and_name(account: Api, business: Business) -> None:
    account.write(text="إلى الرقم الثاني", to=SECOND)
    eventually(lambda: business.messages)
    metadata = business.values[0]["metadata"]
    assert metadata == {"display_phone_number": "966138000000", "phone_number_id": SECOND}

    assert account.send(TEXT).json()["error"]["code"] == 131047
    account.path = f"/v25.0/{SECOND}/messages"
    control(account, "numbers", id=SECOND, throughput_per_s=0.1)
    business.received.clear()
    assert account.send(TEXT).status_code == 200
    assert account.send(TEXT).json()["error"]["code"] == 130429
    eventually(lambda: len(business.statuses) == 2)
    assert business.values[0]["metadata"]["phone_number_id"] == SECOND
    account.path = f"/v25.0/{FIRST}/messages"
    account.write(text="إلى الأول", to="+966112345678")
    assert account.send(TEXT).status_code == 200
    assert account.send(TEXT, to="966138000000").json()["error"]["code"] == 131021


def test_a_number_tells_its_state(account: Api) -> None:
    control(account, "numbers", id=SECOND, quality_rating="YELLOW", throughput_per_s=1000)
    fields = (
        "display_phone_number,verified_name,quality_rating,name_status,status,"
        "throughput{level},whatsapp_business_manager_messaging_limit"
    )

    assert ask(account, SECOND, fields=fields) == {
        "id": SECOND,
        "display_phone_number": "+966138000000",
        "verified_name": "أمانة المنطقة الشرقية",
        "quality_rating": "YELLOW",
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "throughput": {"level": "HIGH"},
        "whatsapp_business_manager_messaging_limit": "TIER_100K",
    }
    listed = ask(account, f"{ACCOUNT}/phone_numbers")["data"]
    assert [each["id"] for each in listed] == [FIRST, SECOND]
    assert ask(account, ACCOUNT, fields="name,currency") == {
        "id": ACCOUNT,
        "name": "أمانة المنطقة الشرقية",
        "currency": "SAR",
    }


def test_a_token_is_changed_without_a_gap(account: Api) -> None:
    account.write(text="السلام عليكم")
    control(account, "credentials", access_token="fresh")
    fresh = {"Authorization": "Bearer fresh"}
    body = {"messaging_product": "whatsapp", "to": NOURA, **TEXT}
    codes = [account.http.post(account.path, json=body, headers=fresh).status_code]
    codes.append(account.send(TEXT).status_code)
    control(account, "credentials", revoke="demo-access-token")

    refused = account.send(TEXT)

    assert codes == [200, 200]
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 190)
    account.headers = fresh
    assert account.send(TEXT).status_code == 200
    told = ask(account, "debug_token", input_token="demo-access-token")["data"]
    assert (told["is_valid"], told["error"]["code"]) == (False, 190)
    again = account.http.post("/_control/credentials", json={"revoke": "demo-access-token"})
    assert again.status_code == 400


def test_a_token_ends_by_the_clock(account: Api) -> None:
    ends_at = account.set_clock(offset_s=0)["unix"] + 3600
    control(account, "credentials", access_token="short", expires_at=ends_at)
    account.headers = {"Authorization": "Bearer short"}

    told = ask(account, "debug_token", input_token="short")["data"]
    assert (told["is_valid"], told["expires_at"]) == (True, int(ends_at))
    assert "whatsapp_business_messaging" in told["scopes"]
    account.set_clock(advance_s=3601)
    assert account.send(TEXT).json()["error"]["code"] == 190


def test_a_new_secret_signs_from_now_on(account: Api, business: Business) -> None:
    control(account, "credentials", app_secret="another")

    account.write(text="بلاغ")

    eventually(lambda: business.received)
    headers, body = business.received[0]
    expected = hmac.new(b"another", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"


def test_flows_are_listed_with_their_forms(account: Api) -> None:
    flows = ask(account, f"{ACCOUNT}/flows")["data"]
    assert [(flow["name"], flow["status"]) for flow in flows] == [
        ("location_details", "PUBLISHED"),
        ("satisfaction", "PUBLISHED"),
        ("bayan_form", "PUBLISHED"),
        ("bayan_need", "PUBLISHED"),
    ]

    flow_id = flows[1]["id"]
    assert ask(account, flow_id, fields="name,status")["name"] == "satisfaction"
    (asset,) = ask(account, f"{flow_id}/assets")["data"]
    screens = httpx.get(asset["download_url"], trust_env=False).json()["screens"]
    assert [screen["id"] for screen in screens] == ["SATISFACTION"]
    drawn = account.http.get("/_phone/flows/satisfaction").json()
    assert drawn["title"] == "رأيكم في الخدمة"
    assert [(f["name"], f["type"], f["required"]) for f in drawn["fields"]] == [
        ("rating", "select", True),
        ("solved", "select", True),
        ("visited_on", "date", False),
        ("comment", "textarea", False),
    ]
    assert drawn["fields"][1]["options"][0] == {"id": "yes", "title": "نعم"}
    assert account.http.get("/_phone/flows/none").status_code == 404


@pytest.mark.parametrize(
    ("answers", "verified"), [("right", True), ("wrong", False), ("refuses", False)]
)
def test_the_handshake_says_what_came_back(api: Api, answers: str, verified: bool) -> None:
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            asked.append(query)
            self.send_response(403 if answers == "refuses" else 200)
            self.end_headers()
            self.wfile.write(query["hub.challenge"][0].encode() if answers == "right" else b"no")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        callback = f"http://127.0.0.1:{server.server_port}/hooks/whatsapp/demo"
        told = control(api, "handshake", callback=callback, verify_token="secret")
        server.shutdown()

    assert told["verified"] is verified
    assert told["status"] == (403 if answers == "refuses" else 200)
    assert asked[0]["hub.mode"] == ["subscribe"]
    assert asked[0]["hub.verify_token"] == ["secret"]


def test_the_handshake_says_when_nobody_is_there(api: Api) -> None:
    told = control(api, "handshake", callback="http://127.0.0.1:1/")

    assert told == {"verified": False, "status": None, "error": "ConnectionRefusedError"}


def test_a_number_that_is_none_is_refused_on_the_command_line() -> None:
    command = [sys.executable, "-m", "emulator", "--number", "first"]

    refused = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    assert refused.returncode == 2
    assert "ID=DISPLAY" in refused.stderr


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("numbers", {"id": "1"}),
        ("numbers", {"id": FIRST, "quality_rating": "BLUE"}),
        ("numbers", {"id": FIRST, "throughput_per_s": -1}),
        ("credentials", {"access_token": ""}),
        ("credentials", {"app_secret": 7}),
        ("messages", {"from": NOURA, "text": "مرحبًا", "to": "1"}),
    ],
)
def test_what_the_account_cannot_be_is_refused(api: Api, path: str, asked: dict[str, Any]) -> None:
    assert api.http.post(f"/_control/{path}", json=asked).status_code == 400
