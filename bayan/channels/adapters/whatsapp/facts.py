"""What the provider says of an account when asked: its token, its numbers, its forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import FlowFacts, NumberFacts, ProviderRefused, TokenFacts
from bayan.channels.adapters.whatsapp import files, graph
from bayan.channels.adapters.whatsapp.reading import as_dict, as_list, as_text
from bayan.channels.models import Account, Quality

if TYPE_CHECKING:
    import aiohttp

# The provider's answer to a token that is not, or no longer, one of its own.
NO_TOKEN = {0, 190}
NUMBER_FIELDS = (
    "display_phone_number,verified_name,name_status,quality_rating,throughput,"
    "whatsapp_business_manager_messaging_limit"
)
# Reference 1.11; a level that is not here leaves what we know.
THROUGHPUT = {"STANDARD": 80, "HIGH": 1000}
PAGE, MOST_PAGES = 100, 20


async def token(session: aiohttp.ClientSession, account: Account) -> TokenFacts:
    """Whether the account's token still opens it, and until when; the token asks for itself."""
    try:
        answer = await graph.call(
            session, account, "GET", "debug_token", params={"input_token": account.access_token}
        )
    except ProviderRefused as refusal:
        if (refusal.outcome.error or {}).get("code") in NO_TOKEN:
            return TokenFacts(is_valid=False)
        raise
    told = as_dict(answer.get("data"))
    return TokenFacts(
        is_valid=told.get("is_valid") is True, expires_at=_moment(told.get("expires_at"))
    )


async def number(session: aiohttp.ClientSession, account: Account, external_id: str) -> NumberFacts:
    """How one number stands."""
    told = await graph.call(session, account, "GET", external_id, params={"fields": NUMBER_FIELDS})
    quality = as_text(told.get("quality_rating")).upper()
    level = as_text(as_dict(told.get("throughput")).get("level")).upper()
    knows_limit, daily_limit = limit_of(told.get("whatsapp_business_manager_messaging_limit"))
    return NumberFacts(
        display=as_text(told.get("display_phone_number"))[:30],
        verified_name=as_text(told.get("verified_name"))[:120],
        name_status=as_text(told.get("name_status"))[:40],
        quality=quality if quality in Quality.values else "",
        throughput=THROUGHPUT.get(level),
        knows_limit=knows_limit,
        daily_limit=daily_limit,
    )


async def flows(session: aiohttp.ClientSession, account: Account) -> list[FlowFacts]:
    """All forms of the account."""
    found: list[FlowFacts] = []
    after = ""
    for _page in range(MOST_PAGES):
        answer = await graph.call(
            session,
            account,
            "GET",
            f"{account.business_id}/flows",
            params={"fields": "id,name,status", "limit": str(PAGE)}
            | ({"after": after} if after else {}),
        )
        found.extend(
            FlowFacts(
                external_id=external_id[:40],
                name=as_text(raw.get("name"))[:200],
                status=as_text(raw.get("status")).upper()[:20],
            )
            for raw in map(as_dict, as_list(answer.get("data")))
            if (external_id := as_text(raw.get("id")))
        )
        # Only the cursor: the whole address of the next page would be the provider's to choose.
        paging = as_dict(answer.get("paging"))
        after = as_text(as_dict(paging.get("cursors")).get("after")) if paging.get("next") else ""
        if not after:
            break
    return found


async def first_screen(session: aiohttp.ClientSession, account: Account, external_id: str) -> str:
    """The screen with which a form begins, read from the form itself; empty where it has a service of
    its own, which says that."""
    answer = await graph.call(session, account, "GET", f"{external_id}/assets")
    for asset in map(as_dict, as_list(answer.get("data"))):
        if asset.get("asset_type") == "FLOW_JSON":
            form = await files.read_form(session, account, as_text(asset.get("download_url")))
            screens = as_list(form.get("screens"))
            if screens and not form.get("data_api_version"):
                return as_text(as_dict(screens[0]).get("id"))[:80]
    return ""


def limit_of(tier: Any) -> tuple[bool, int | None]:
    """Whether this says a messaging limit, and which: TIER_2K is 2,000; none for TIER_UNLIMITED."""
    if isinstance(tier, int) and not isinstance(tier, bool):
        return tier >= -1, None if tier == -1 else max(tier, 0)
    word = as_text(tier).upper().removeprefix("TIER_")
    if word == "UNLIMITED":
        return True, None
    digits, thousands = word.removesuffix("K"), word.endswith("K")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 6:
        return False, None
    return True, int(digits) * (1000 if thousands else 1)


def _moment(value: Any) -> datetime | None:
    """The provider's seconds; 0 says that it never comes."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
