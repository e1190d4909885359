"""The business's account: its numbers, tokens and secret, and the flows it published."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from emulator.errors import ProviderError
from emulator.settings import Settings

SAMPLES = Path(__file__).parent / "samples"
SCOPES = ["whatsapp_business_management", "whatsapp_business_messaging", "public_profile"]
NUMBER_QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
NAME_STATUSES = ("APPROVED", "PENDING_REVIEW", "DECLINED", "EXPIRED", "NONE")
NUMBER_STATUSES = ("CONNECTED", "FLAGGED", "RESTRICTED", "RATE_LIMITED", "BANNED", "DISCONNECTED")
TIERS = (
    "TIER_50",
    "TIER_250",
    "TIER_2K",
    "TIER_10K",
    "TIER_100K",
    "TIER_UNLIMITED",
    "TIER_NOT_SET",
)
# The old field for the limit: people a day, -1 without limit.
PEOPLE_A_DAY = {
    "TIER_50": 50, "TIER_250": 250, "TIER_2K": 2000, "TIER_10K": 10_000, "TIER_100K": 100_000,
    "TIER_UNLIMITED": -1,
}  # fmt: skip
STANDARD_PER_S = 80
# What a flow's component asks for, as the phone draws it.
FIELD_KINDS = {
    "TextInput": "text",
    "TextArea": "textarea",
    "Dropdown": "select",
    "RadioButtonsGroup": "select",
    "DatePicker": "date",
}


@dataclass(kw_only=True, slots=True)
class Number:
    """One of the account's phone numbers."""

    id: str
    display: str
    verified_name: str
    quality_rating: str = "GREEN"
    name_status: str = "APPROVED"
    status: str = "CONNECTED"
    throughput_per_s: float | None = None  # its own, where it differs from the option
    metadata: dict[str, str] = field(init=False)  # how webhooks name it

    def __post_init__(self) -> None:
        self.metadata = {"display_phone_number": self.display, "phone_number_id": self.id}


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """A published form."""

    id: str
    name: str
    title: str
    categories: list[str]
    json: dict[str, Any]

    def screens(self) -> list[str]:
        return [screen["id"] for screen in self.json["screens"]]

    def fields(self) -> list[dict[str, Any]]:
        """What it asks, one field after the other."""
        return [
            {
                "name": part["name"],
                # Of what a message brings along (`data`) the phone fills in its own.
                "label": part["label"],
                "visible": part.get("visible", True),
                "type": "number"
                if part.get("input-type") == "number"
                else FIELD_KINDS[part["type"]],
                "required": part["required"],
                **({"options": part["data-source"]} if "data-source" in part else {}),
            }
            for screen in self.json["screens"]
            for part in screen["layout"]["children"]
            if part["type"] in FIELD_KINDS
        ]

    def kept(self) -> dict[str, str]:
        """What comes back besides what was filled in: of the message's own data, by its name."""
        return {
            name: value.removeprefix("${data.").removesuffix("}")
            for screen in self.json["screens"]
            for part in screen["layout"]["children"]
            if part["type"] == "Footer"
            for name, value in part["on-click-action"].get("payload", {}).items()
            if value.startswith("${data.")
        }


class Account:
    """What of the account can change while the emulator runs."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._now = now
        self.id = settings.account_id
        self.app_id = settings.app_id
        self.name = settings.business_name
        self.tier = "TIER_100K"
        self.app_secret = settings.app_secret
        self.tokens: dict[str, float | None] = {settings.access_token: None}
        names = {settings.phone_number_id: settings.display_phone_number}
        for given in settings.number:
            number_id, _, display = given.partition("=")
            names[number_id] = display
        self.numbers = {
            number_id: Number(id=number_id, display=display, verified_name=self.name)
            for number_id, display in names.items()
        }
        self.displays = {number.display for number in self.numbers.values()}
        self.default_number = self.numbers[settings.phone_number_id]
        flows = msgspec.json.decode((SAMPLES / "flows.json").read_bytes(), type=list[Flow])
        self.flows = {key: flow for flow in flows for key in (flow.id, flow.name)}

    def number(self, wanted: str) -> Number | None:
        """The number with that id, or that is shown as that."""
        shown = wanted.lstrip("+")
        return self.numbers.get(wanted) or next(
            (number for number in self.numbers.values() if number.display == shown), None
        )

    def is_valid(self, token: str) -> bool:
        """Whether the token opens the account now."""
        if token not in self.tokens:
            return False
        expires_at = self.tokens[token]
        return expires_at is None or self._now() < expires_at

    def tell_of_token(self, token: str) -> dict[str, Any]:
        """What `debug_token` says."""
        told = {
            "app_id": self.app_id,
            "type": "SYSTEM_USER",
            "application": "Bayan",
            "expires_at": int(self.tokens.get(token) or 0),
            "is_valid": self.is_valid(token),
            "scopes": SCOPES if token in self.tokens else [],
        }
        if not told["is_valid"]:
            told["error"] = {"code": 190, "message": "The access token is not valid any more."}
        return told

    def tell_of_number(self, number: Number, per_s: float) -> dict[str, Any]:
        """A number as the provider tells it, with every field that can be asked for."""
        return {
            "id": number.id,
            "verified_name": number.verified_name,
            "display_phone_number": f"+{number.display}",
            "quality_rating": number.quality_rating,
            "name_status": number.name_status,
            "status": number.status,
            "code_verification_status": "VERIFIED",
            "platform_type": "CLOUD_API",
            "account_mode": "LIVE",
            "throughput": {"level": "STANDARD" if 0 < per_s <= STANDARD_PER_S else "HIGH"},
            "whatsapp_business_manager_messaging_limit": self.tier,
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "currency": "SAR",
            "country": "SA",
            "timezone_id": "116",
            "account_review_status": "APPROVED",
            "business_verification_status": "verified",
            "status": "ACTIVE",
            "whatsapp_business_manager_messaging_limit": self.tier,
        }

    def check_flow(self, asked: dict[str, Any]) -> None:
        """Refuse a message with a flow or a screen that is not there.

        :raises ProviderError: with the code for a wrong value
        """
        flow = self.flows.get(asked.get("flow_id") or asked.get("flow_name") or "")
        if flow is None:
            raise ProviderError(131009, "There is no published flow with that id or name.")
        screen = asked.get("flow_action_payload", {}).get("screen")
        if screen is not None and screen not in flow.screens():
            raise ProviderError(131009, f"The flow {flow.name} has no screen {screen}.")


def tell_of_flow(flow: Flow) -> dict[str, Any]:
    """A flow as the provider tells it, with every field that can be asked for."""
    return {
        "id": flow.id,
        "name": flow.name,
        "status": "PUBLISHED",
        "categories": flow.categories,
        "validation_errors": [],
        "json_version": flow.json["version"],
        "updated_at": "2026-11-01T08:00:00+0000",
    }
