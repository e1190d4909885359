"""Handing things to the provider: messages, the files they name, and what was read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Outcome
from bayan.channels.models import Media, Number, Outgoing, ReadMark
from bayan.channels.services.media import media_path

if TYPE_CHECKING:
    import aiohttp

# The provider shows "typing" for 25 seconds: told later it would be untrue.
TYPING_IS_TRUE_FOR = timedelta(seconds=20)
# Several messages are marked with one: the latest of a chat marks those before it.
MARKS_AT_ONCE = 50


async def deliver(session: aiohttp.ClientSession, row: Outgoing, file_id: str = "") -> Outcome:
    """Hand a claimed message to its provider; the outcome is settled by `settle`."""
    account = row.number.account
    return await ADAPTERS[account.channel].send(session, account, row, file_id)


async def upload(
    session: aiohttp.ClientSession, number: Number, media: Media
) -> tuple[str, timedelta]:
    """Give the provider a stored file; its id there, and for how long it is kept.

    :raises ProviderRefused: with what its answer means
    """
    account = number.account
    return await ADAPTERS[account.channel].upload(
        session, account, number.external_id, media, media_path(media)
    )


def keep_upload(media: Media, external_id: str, *, until: datetime) -> None:
    """Remember the provider's id of a file, so that the next message need not upload it again."""
    Media.objects.filter(pk=media.pk).update(external_id=external_id, external_until=until)


def mark_read(number: Number, external_id: str, *, typing: bool = False, now: datetime) -> None:
    """Have the provider told that a member has read this message, or is typing an answer to it."""
    ReadMark.objects.get_or_create(
        number=number, external_id=external_id, is_typing=typing, defaults={"created_at": now}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('bayan_read_marks', '')")


@transaction.atomic
def take_read_marks(*, now: datetime) -> list[ReadMark]:
    """Take what is to be told, at most once: a mark that gets lost is worth no second request."""
    marks = list(
        ReadMark.objects.order_by("pk").select_for_update(skip_locked=True)[:MARKS_AT_ONCE]
    )
    ReadMark.objects.filter(pk__in=[mark.pk for mark in marks]).delete()
    numbers = Number.objects.select_related("account").in_bulk(mark.number_id for mark in marks)
    for mark in marks:
        mark.number = numbers[mark.number_id]
    return [
        mark for mark in marks if not mark.is_typing or mark.created_at > now - TYPING_IS_TRUE_FOR
    ]


async def tell_read(session: aiohttp.ClientSession, mark: ReadMark) -> None:
    """Let the person see that their message was read, or that somebody is typing.

    :raises ProviderRefused: with what its answer means
    """
    account = mark.number.account
    await ADAPTERS[account.channel].tell_read(session, account, mark.number.external_id, mark)
