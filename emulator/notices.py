"""What the provider tells about the account itself, ready-made for `_control/notices`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulator.account import PEOPLE_A_DAY, Account, Number
from emulator.world import Person

DAY_S = 24 * 3600

type Notice = tuple[str, dict[str, Any]]


def quality_drop(_account: Account, number: Number, _now: float) -> Notice:
    number.quality_rating = "RED"
    number.status = "FLAGGED"
    return _quality(number, "FLAGGED", _account.tier)


def quality_recovery(account: Account, number: Number, _now: float) -> Notice:
    number.quality_rating = "GREEN"
    number.status = "CONNECTED"
    return _quality(number, "UNFLAGGED", account.tier)


def tier_up(account: Account, number: Number, _now: float) -> Notice:
    account.tier = "TIER_UNLIMITED"
    return _quality(number, "UPGRADE", account.tier)


def tier_down(account: Account, number: Number, _now: float) -> Notice:
    account.tier = "TIER_2K"
    return _quality(number, "DOWNGRADE", account.tier)


def throughput_upgrade(account: Account, number: Number, _now: float) -> Notice:
    number.throughput_per_s = 1000
    return _quality(number, "THROUGHPUT_UPGRADE", account.tier)


def _quality(number: Number, event: str, tier: str) -> Notice:
    return "phone_number_quality_update", {
        "display_phone_number": number.display,
        "event": event,
        "max_daily_conversations_per_business": tier,
    }


def capability(account: Account, _number: Number, _now: float) -> Notice:
    return "business_capability_update", {
        "max_daily_conversations_per_business": PEOPLE_A_DAY.get(account.tier, 250),
        "max_phone_numbers_per_business": 20,
    }


def name_approved(_account: Account, number: Number, _now: float) -> Notice:
    return _name(number, "APPROVED", None)


def name_rejected(_account: Account, number: Number, _now: float) -> Notice:
    return _name(number, "REJECTED", "NAME_GUIDELINE")


def _name(number: Number, decision: str, reason: str | None) -> Notice:
    number.name_status = "APPROVED" if decision == "APPROVED" else "DECLINED"
    return "phone_number_name_update", {
        "display_phone_number": number.display,
        "decision": decision,
        "requested_verified_name": number.verified_name,
        "rejection_reason": reason,
    }


def violation(_account: Account, _number: Number, _now: float) -> Notice:
    return "account_update", {
        "event": "ACCOUNT_VIOLATION",
        "violation_info": {"violation_type": "SPAM"},
    }


def restriction(_account: Account, _number: Number, now: float) -> Notice:
    return "account_update", {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [
            {
                "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING",
                "expiration": int(now) + 3 * DAY_S,
            }
        ],
    }


def ban(_account: Account, number: Number, now: float) -> Notice:
    number.status = "BANNED"
    date = datetime.fromtimestamp(now + DAY_S, UTC).strftime("%B %-d, %Y")
    return "account_update", {
        "event": "DISABLED_UPDATE",
        "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": date},
    }


def limit_deferred(account: Account, _number: Number, _now: float) -> Notice:
    return "account_alerts", {
        "entity_type": "WABA",
        "entity_id": account.id,
        "alert_info": {
            "alert_severity": "WARNING",
            "alert_status": "ACTIVE",
            "alert_type": "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
            "alert_description": "The limit is not raised for now.",
        },
    }


def account_approved(_account: Account, _number: Number, _now: float) -> Notice:
    return "account_review_update", {"decision": "APPROVED"}


def pin_changed(_account: Account, number: Number, _now: float) -> Notice:
    return "security", {"display_phone_number": number.display, "event": "PIN_CHANGED"}


def pin_reset(account: Account, number: Number, _now: float) -> Notice:
    return "security", {
        "display_phone_number": number.display,
        "event": "PIN_RESET_REQUEST",
        "requester": account.app_id,
    }


NOTICES: dict[str, Callable[[Account, Number, float], Notice]] = {
    each.__name__: each
    for each in (
        quality_drop, quality_recovery, tier_up, tier_down, throughput_upgrade, capability,
        name_approved, name_rejected, violation, restriction, ban, limit_deferred,
        account_approved, pin_changed, pin_reset,
    )
}  # fmt: skip


def preference(person: Person, value: str, now: float) -> Notice:
    """A person stops or resumes what the business advertises."""
    return "user_preferences", {
        "contacts": [person.contact()],
        "user_preferences": [
            {
                **({"wa_id": person.wa_id} if person.wa_id else {}),
                "user_id": person.user_id,
                "detail": f"User requested to {value} marketing messages",
                "category": "marketing_messages",
                "value": value,
                "timestamp": int(now),
            }
        ],
    }
