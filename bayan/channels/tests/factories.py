"""Accounts and incoming messages for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bayan.channels import services
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Account, Number
from bayan.organisation import selectors as organisation

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PHONE_NUMBER_ID = "106540000000940"
_numbers = count(1)


def make_account(key: str = "demo", *, base_url: str = "http://127.0.0.1:9") -> Account:
    """The demo's account, which can reach nothing unless `base_url` says so."""
    return services.save_account(
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
    )


def make_number() -> Number:
    """The number of the demo's account."""
    return (
        Number.objects.filter(external_id=PHONE_NUMBER_ID).first() or make_account().numbers.get()
    )


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
