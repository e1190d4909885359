"""The gateways of text messages and the mail server, as a business meets them."""

import imaplib
import json
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from emulator.app import Emulator
from emulator.settings import Options, Settings
from emulator.tests.conftest import OPTIONS, PATIENCE_S, Business, eventually, listening, start
from emulator.tests.ports import free_port

TO, KEY = "966500000101", "demo-sms-key"
PASSWORD = "demo-mail-password"
US, THEM = "bayan@example.org", "noura@example.org"


@dataclass
class Side:
    """The emulator with both gateways and a mail server."""

    http: httpx.Client
    business: Business
    smtp_port: int
    imap_port: int

    def unifonic(self, **changes: str) -> httpx.Response:
        form = {"AppSid": KEY, "SenderID": "EasternMun", "Recipient": TO, "Body": "تعميم"}
        return self.http.post(
            "/rest/SMS/messages", data={**form, "CorrelationID": "c-1", **changes}
        )

    def taqnyat(self, **changes: Any) -> httpx.Response:
        body = {"sender": "EasternMun", "recipients": [TO], "body": "تعميم", **changes}
        headers = {"Authorization": f"Bearer {KEY}"}
        return self.http.post("/v1/messages", json=body, headers=headers)

    def fault(self, of: str = "sms", **body: Any) -> None:
        assert self.http.post(f"/_control/{of}/faults", json=body).status_code == 200

    def mail(self, to: str = THEM) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = US, to, "تعميم 12"
        message["Message-ID"] = "<0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c@example.org>"
        message.set_content(".نقطة في أول السطر\nنص")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5) as server:
            server.login(US, PASSWORD)
            server.send_message(message)

    def letters(self, to: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.http.get("/_control/mail", params={"to": to}).json()[
            "items"
        ]
        return items


@pytest.fixture(scope="module")
def whole() -> Iterator[Side]:
    with listening() as business:
        smtp_port = free_port(behind=1)
        imap_port = smtp_port + 1
        settings = Settings(
            unifonic_callback=business.url, taqnyat_callback=business.url,
            smtp_port=smtp_port, imap_port=imap_port,
        )  # fmt: skip
        server, thread, url = start(Emulator(settings, Options(**OPTIONS)))
        http = httpx.Client(base_url=url, trust_env=False, timeout=10)
        yield Side(http, business, smtp_port, imap_port)
        http.close()
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.fixture
def side(whole: Side) -> Side:
    for what in ("sms", "mail"):
        whole.http.delete(f"/_control/{what}/faults")
        whole.http.delete(f"/_control/{what}")
    whole.business.received.clear()
    return whole


def test_unifonic_takes_a_text_and_reports_it_as_a_form(side: Side) -> None:
    told = side.unifonic().json()
    assert (told["success"], told["errorCode"]) == (True, "ER-00")
    _headers, body = eventually(lambda: side.business.received)[0]
    report = parse_qs(body.decode())
    assert report["MessageID"] == [str(told["data"]["MessageID"])]
    assert (report["DLR"], report["CorrelationID"]) == (["Delivered"], ["c-1"])
    assert side.http.get("/_control/sms").json()["items"][0]["text"] == "تعميم"
    assert "تعميم" in side.http.get("/sms").text


def test_taqnyat_takes_a_text_and_reports_it_as_json(side: Side) -> None:
    answer = side.taqnyat()
    assert answer.status_code == 201
    _headers, body = eventually(lambda: side.business.received)[0]
    report = json.loads(body)
    assert (report["messageId"], report["status"]) == (answer.json()["messageId"], "delivered")


def test_what_the_gateways_refuse_they_refuse_by_their_numbers(side: Side) -> None:
    assert side.unifonic(AppSid="").status_code == 402
    assert side.unifonic(AppSid="another").status_code == 401
    assert side.unifonic(Recipient="05x").json()["errorCode"] == "410"
    assert side.unifonic(SenderID="TwelveLetters").status_code == 480
    assert side.taqnyat(recipients=["05x"]).json()["statusCode"] == 410
    side.fault(kind="error", code=901, count=1)
    refused = side.unifonic()
    assert (refused.status_code, refused.json()["errorCode"]) == (400, "ER-01")
    side.fault(kind="rate_limit", count=1)
    assert side.taqnyat().status_code == 429
    assert side.http.get("/_control/sms").json()["items"] == []


def test_faults_of_text_messages_happen_on_request(side: Side) -> None:
    side.fault(kind="fail", count=1)
    side.unifonic()
    eventually(lambda: any(b"Undeliverable" in body for _head, body in side.business.received))
    side.business.received.clear()
    side.fault(kind="duplicate", count=1)
    side.unifonic()
    eventually(lambda: len(side.business.received) == 2)
    side.fault(kind="disconnect", code=1, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        side.unifonic()
    assert len(side.http.get("/_control/sms").json()["items"]) == 3
    side.fault(kind="outage")
    assert side.unifonic().status_code == 503


def test_a_letter_lies_in_its_mailbox_as_it_was_sent(side: Side) -> None:
    side.mail()
    (letter,) = side.letters(THEM)
    assert letter["subject"] == "تعميم 12"
    assert letter["text"].splitlines()[0] == ".نقطة في أول السطر"

    box = imaplib.IMAP4("127.0.0.1", side.imap_port, timeout=5)
    box.login(THEM, PASSWORD)
    box.select("INBOX", readonly=True)
    _state, found = box.uid("SEARCH", "UID 1:*")
    assert found == [str(letter["uid"]).encode()]
    _state, answers = box.uid("FETCH", str(letter["uid"]), "(BODY.PEEK[])")
    assert b"0193f3a2" in answers[0][1]
    box.logout()
    assert "تعميم 12" in side.http.get("/mail?lang=en").text


def test_a_letter_that_cannot_be_delivered_comes_back(side: Side) -> None:
    side.fault("mail", kind="fail", count=1)
    side.mail()
    (back,) = eventually(lambda: side.letters(US))
    assert back["from"] == ""
    assert side.letters(THEM) == []


def test_the_mail_server_refuses_on_request(side: Side) -> None:
    side.fault("mail", kind="error", code=550, count=1)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        side.mail()
    side.fault("mail", kind="expired_token", count=1)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        side.mail()
    side.fault("mail", kind="disconnect", code=1, count=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        side.mail()
    assert len(side.letters(THEM)) == 1


@pytest.mark.parametrize("what", ["sms", "mail"])
def test_the_pages_switch_faults_on_and_off(side: Side, what: str) -> None:
    assert side.http.post(f"/{what}", data={"kind": "fail", "once": "1"}).status_code == 303
    (fault,) = side.http.get(f"/_control/{what}/faults").json()["items"]
    assert (fault["kind"], fault["count"]) == ("fail", 1)
    assert "not delivered" in side.http.get(f"/{what}?lang=en").text
    side.http.post(f"/{what}", data={"clear": "1"})
    assert side.http.get(f"/_control/{what}/faults").json()["items"] == []
