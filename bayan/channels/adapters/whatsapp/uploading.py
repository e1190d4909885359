"""Handing a file to the provider before a message names it (reference 1.13)."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayan.channels.adapters.base import Outcome, ProviderRefused, Reaction
from bayan.channels.adapters.whatsapp.errors import SECOND
from bayan.channels.adapters.whatsapp.graph import call
from bayan.channels.adapters.whatsapp.reading import as_dict, as_list, as_text
from bayan.channels.models import Account, Media

if TYPE_CHECKING:
    import aiohttp

KINDS = {"image", "audio", "video", "document", "sticker"}
# The provider keeps an upload for 30 days: a day less, so that it is not gone as we name it.
KEPT_FOR = timedelta(days=29)
# A video of 16 MB over a slow line.
TIMEOUT = {"total": 120, "sock_connect": 5}


async def upload(
    session: aiohttp.ClientSession, account: Account, number: str, media: Media, path: Path
) -> str:
    """The provider's id of this file, which may be named for `KEPT_FOR`.

    :raises ProviderRefused: with what its answer means
    """
    import aiohttp

    with path.open("rb") as file:
        form = aiohttp.FormData({"messaging_product": "whatsapp", "type": media.mime_type})
        form.add_field(
            "file", file, filename=media.name or media.sha256, content_type=media.mime_type
        )
        answer = await call(session, account, "POST", f"{number}/media", data=form, timeout=TIMEOUT)
    external_id = as_text(answer.get("id"))
    if not external_id:
        raise ProviderRefused(
            Outcome(
                reaction=Reaction.RETRY, error={"title": "an answer without an id"}, wait=5 * SECOND
            )
        )
    return external_id


def with_file(content: dict[str, Any], external_id: str) -> dict[str, Any]:
    """The content with the file's id at the place that is kept for it: the message or its header."""
    content = copy.deepcopy(content)
    for part in _parts(content):
        for kind in KINDS & part.keys():
            if isinstance(part[kind], dict) and not {"id", "link"} & part[kind].keys():
                part[kind]["id"] = external_id
    return content


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [content, as_dict(as_dict(content.get("interactive")).get("header"))]
    for component in as_list(as_dict(content.get("template")).get("components")):
        if as_dict(component).get("type") == "header":
            parts += [as_dict(each) for each in as_list(component.get("parameters"))]
    return parts
