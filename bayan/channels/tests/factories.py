"""Accounts and incoming messages for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bayan.channels import services
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Account, Number, Template
from bayan.organisation import selectors as organisation

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PHONE_NUMBER_ID = "106540000000940"
BUSINESS_ID = "104857600000001"
_numbers = count(1)
# A template with a part of each kind.
EVERY_PART: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "TEXT", "text": "بلاغ {{1}}", "example": {"header_text": ["482"]}},
    {
        "type": "BODY",
        "text": "أهلًا {{1}}، بلاغك في {{2}} قيد المعالجة.",
        "example": {"body_text": [["نورة", "حي النخيل"]]},
    },
    {"type": "FOOTER", "text": "أمانة المنطقة الشرقية"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "متابعة"},
            {"type": "QUICK_REPLY", "text": "شكرًا"},
            {
                "type": "URL",
                "text": "صفحة البلاغ",
                "url": "https://example.org/c/{{1}}",
                "example": ["https://example.org/c/482"],
            },
            {"type": "PHONE_NUMBER", "text": "اتصل بنا", "phone_number": "+966112345678"},
        ],
    },
]


def make_account(
    key: str = "demo", *, base_url: str = "http://127.0.0.1:9", asks_where: bool = False
) -> Account:
    """The demo's account, which can reach nothing unless `base_url` says so.

    Nobody is asked where it is, unless the test is about that.
    """
    account = services.save_account(
        key=key,
        nature=Account.Nature.DEMO,
        name="حساب تجريبي",
        base_url=base_url,
        app_secret="demo-app-secret",
        verify_token="demo-verify-token",
        access_token="demo-access-token",
        numbers={PHONE_NUMBER_ID: "+966 11 234 5678"},
        node=organisation.desk(),
        now=SINCE,
        business_id=BUSINESS_ID,
    )
    account.asks_where = asks_where
    account.save(update_fields=["asks_where"])
    return account


def make_number() -> Number:
    """The number of the demo's account."""
    return (
        Number.objects.filter(external_id=PHONE_NUMBER_ID).first() or make_account().numbers.get()
    )


def body_part(text: str, *examples: str) -> dict[str, Any]:
    """The body of a template, with an example for each of its variables."""
    example = {"example": {"body_text": [list(examples)]}} if examples else {}
    return {"type": "BODY", "text": text, **example}


def make_template(name: str = "case_update", **changes: Any) -> Template:
    """An approved template of the demo's account, unless `changes` say otherwise."""
    facts: dict[str, Any] = {
        "account": make_number().account,
        "name": name,
        "language": "ar",
        "category": Template.Category.UTILITY,
        "status": Template.Status.APPROVED,
        "changed_at": SINCE,
        "components": EVERY_PART,
    }
    return Template.objects.create(**facts | changes)


def incoming(text: str = "الشارع مظلم من أمس", **changes: Any) -> IncomingMessage:
    """A text from a person of their own, unless `changes` say otherwise."""
    number = next(_numbers)
    received_at = changes.pop("received_at", datetime(2026, 11, 23, 7, 0, tzinfo=UTC))
    facts: dict[str, Any] = {
        "number_id": make_number().pk,
        "external_id": f"wamid.{number}",
        "whatsapp_id": f"SA.{number:020}",
        "phone": f"9665{number:08}",
        "name": f"مستفيد {number}",
        "kind": "text",
        "text": text,
        "sent_at": received_at - timedelta(seconds=1),
        "received_at": received_at,
    }
    return IncomingMessage(**facts | changes)
