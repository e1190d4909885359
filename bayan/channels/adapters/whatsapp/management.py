"""Requests about an account: its templates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.whatsapp import graph
from bayan.channels.adapters.whatsapp.reading import as_dict, as_list, as_text, clean
from bayan.channels.models import Account, Quality, Template

if TYPE_CHECKING:
    import aiohttp

# Ids of templates are numbers; in an address nothing else may stand.
TEMPLATE_FIELDS = (
    "id,name,language,category,status,quality_score,components,parameter_format,rejected_reason,"
    "message_send_ttl_seconds"
)
PAGE = 100
MOST_PAGES = 100

# The provider's states of a template, in our words; whatever it invents later is not usable.
STATUSES: dict[str, Template.Status] = {
    "APPROVED": Template.Status.APPROVED,
    "REINSTATED": Template.Status.APPROVED,
    "FLAGGED": Template.Status.APPROVED,
    "PENDING": Template.Status.PENDING,
    "IN_APPEAL": Template.Status.PENDING,
    "REJECTED": Template.Status.REJECTED,
    "PAUSED": Template.Status.PAUSED,
    "DISABLED": Template.Status.DISABLED,
    "LIMIT_EXCEEDED": Template.Status.DISABLED,
    "ARCHIVED": Template.Status.DISABLED,
    "LOCKED": Template.Status.DISABLED,
    "DELETED": Template.Status.DELETED,
    "PENDING_DELETION": Template.Status.DELETED,
}


@dataclass(frozen=True, kw_only=True)
class ProviderTemplate:
    """A template as the provider has it."""

    external_id: str
    name: str
    language: str
    category: str
    status: Template.Status
    quality: str = Quality.UNKNOWN
    components: list[Any] = field(default_factory=list)
    is_named: bool = False
    reason: str = ""
    ttl_seconds: int | None = None


def template_status(word: str) -> Template.Status:
    """Our word for the provider's state of a template."""
    return STATUSES.get(word.upper(), Template.Status.DISABLED)


async def create_template(
    session: aiohttp.ClientSession, account: Account, template: Template
) -> ProviderTemplate:
    """Hand a new template in for review.

    :raises ProviderRefused: it was not made; its error says why
    """
    body: dict[str, Any] = {
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "parameter_format": "NAMED" if template.is_named else "POSITIONAL",
        "components": template.components,
    }
    if template.ttl_seconds:
        body["message_send_ttl_seconds"] = template.ttl_seconds
    answer = await graph.call(
        session, account, "POST", f"{account.business_id}/message_templates", json=body
    )
    return ProviderTemplate(
        external_id=as_text(answer.get("id")),
        name=template.name,
        language=template.language,
        category=as_text(answer.get("category")) or template.category,
        status=template_status(as_text(answer.get("status")) or "PENDING"),
    )


async def change_template(
    session: aiohttp.ClientSession, account: Account, template: Template
) -> None:
    """Hand another wording of a template in; the provider reviews it again.

    :raises ProviderRefused: it was not changed; its error says why
    """
    body: dict[str, Any] = {"category": template.category, "components": template.components}
    if template.ttl_seconds:
        body["message_send_ttl_seconds"] = template.ttl_seconds
    await graph.call(session, account, "POST", template.external_id, json=body)


async def delete_template(
    session: aiohttp.ClientSession, account: Account, template: Template
) -> None:
    """Delete a template in its one language.

    :raises ProviderRefused: it is still there
    """
    await graph.call(
        session,
        account,
        "DELETE",
        f"{account.business_id}/message_templates",
        params={"name": template.name, "hsm_id": template.external_id},
    )


async def list_templates(
    session: aiohttp.ClientSession, account: Account
) -> list[ProviderTemplate]:
    """All templates of the account.

    :raises ProviderRefused: the list could not be read whole
    """
    found: list[ProviderTemplate] = []
    after = ""
    for _page in range(MOST_PAGES):
        answer = await graph.call(
            session,
            account,
            "GET",
            f"{account.business_id}/message_templates",
            params={"fields": TEMPLATE_FIELDS, "limit": str(PAGE)}
            | ({"after": after} if after else {}),
        )
        found.extend(_templates(answer))
        # Only the cursor: the whole address of the next page would be the provider's to choose.
        paging = as_dict(answer.get("paging"))
        after = as_text(as_dict(paging.get("cursors")).get("after")) if paging.get("next") else ""
        if not after:
            break
    return found


def _templates(answer: dict[str, Any]) -> Iterator[ProviderTemplate]:
    for raw in map(as_dict, as_list(answer.get("data"))):
        external_id, name = as_text(raw.get("id")), as_text(raw.get("name"))
        language = as_text(raw.get("language"))
        if not external_id or not name or not language or len(language) > 10:
            continue
        quality = as_text(as_dict(raw.get("quality_score")).get("score")).upper()
        reason = as_text(raw.get("rejected_reason"))
        ttl = raw.get("message_send_ttl_seconds")
        yield ProviderTemplate(
            external_id=external_id[:40],
            name=name[:512],
            language=language,
            category=as_text(raw.get("category")).upper()[:20],
            status=template_status(as_text(raw.get("status"))),
            quality=quality if quality in Quality.values else Quality.UNKNOWN,
            components=clean(as_list(raw.get("components"))),
            is_named=as_text(raw.get("parameter_format")).upper() == "NAMED",
            reason="" if reason.upper() == "NONE" else reason[:60],
            ttl_seconds=ttl if isinstance(ttl, int) and ttl > 0 else None,
        )
