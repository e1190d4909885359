"""The troubles that strike any request: each does what it says, and is counted."""

from typing import Any

import httpx
import pytest

from emulator.tests.conftest import Api, Business, eventually

TEXT = {"type": "text", "text": {"body": "أهلًا"}}
ACCOUNT = "104857600000001"


def struck(api: Api, kind: str) -> int:
    count: int = api.http.get("/_control/faults").json()["struck"].get(kind, 0)
    return count


def listed(api: Api) -> httpx.Response:
    return api.http.get(f"/v25.0/{ACCOUNT}/message_templates", headers=api.headers)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "expired_token"}, 401, 190),
        ({"kind": "rate_limit"}, 429, 80007),
        ({"kind": "rate_limit", "code": 4}, 429, 4),
        ({"kind": "outage"}, 503, 2),
    ],
)
def test_a_refusal_strikes_every_kind_of_request(
    api: Api, fault: dict[str, Any], status: int, code: int
) -> None:
    before = struck(api, fault["kind"])
    api.fault(**fault)

    answers = [api.send(TEXT), api.upload(), listed(api)]

    assert [answer.status_code for answer in answers] == [status] * 3
    assert [answer.json()["error"]["code"] for answer in answers] == [code] * 3
    assert struck(api, fault["kind"]) == before + 3
    assert api.http.get("/_control/sent").json()["items"] == []
    assert [i["code"] for i in api.http.get("/_control/refused").json()["items"]] == [code]


def test_a_gateway_answers_with_a_page(api: Api) -> None:
    api.fault(kind="bad_gateway", count=2)

    for answer in (api.send(TEXT), listed(api)):
        assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert api.http.get("/_control/sent").json()["items"] == []
    assert api.send(TEXT).status_code == 200


@pytest.mark.parametrize("kind", ["bad_gateway", "disconnect"])
def test_an_accepted_send_may_be_answered_badly(api: Api, business: Business, kind: str) -> None:
    api.fault(kind=kind, code=1, count=1)

    try:
        assert api.send(TEXT).status_code == 502
    except httpx.RemoteProtocolError:
        assert kind == "disconnect"

    assert len(api.http.get("/_control/sent").json()["items"]) == 1
    eventually(lambda: len(business.statuses) == 2)
    assert api.http.get("/_control/faults").json()["items"] == []


def test_a_connection_ends_before_anything_is_taken(api: Api) -> None:
    before = struck(api, "disconnect")
    api.fault(kind="disconnect", count=2)

    with pytest.raises(httpx.RemoteProtocolError):
        api.send(TEXT)
    with pytest.raises(httpx.RemoteProtocolError):
        listed(api)

    assert api.http.get("/_control/sent").json()["items"] == []
    assert struck(api, "disconnect") == before + 2
    assert api.send(TEXT).status_code == 200


def test_a_file_may_be_gone(api: Api) -> None:
    media_id = api.upload().json()["id"]
    path = f"/v25.0/{media_id}"
    url = api.http.get(path, headers=api.headers).json()["url"]
    api.fault(kind="media_gone", count=2)

    assert api.http.get(url, headers=api.headers).status_code == 404
    assert api.http.get(path, headers=api.headers).status_code == 404
    assert api.http.get(url, headers=api.headers).status_code == 200
