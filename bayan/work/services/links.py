"""Links to one item for somebody without an account: made, shown, and used once to end it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work.models import Item, Link
from bayan.work.services import items, saying
from bayan.work.services.items import NotYours, Picture

# It outlives the time that the work is due: who is late must still be able to say that it is done.
GOOD_AFTER_DUE = timedelta(days=14)
LONGEST_NAME = 120


class LinkIsOver(DomainError):
    pass


class NameMissing(DomainError):
    pass


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def make_link(item_id: UUID, *, by: Access, now: datetime) -> str:
    """An address under which an open item can be done without an account; shown once, kept as a hash.

    :raises ItemIsOver: nothing is left to do
    :raises NotYours: only whoever may give work in that body
    """
    item = items.locked_open(item_id)
    if not by.may("work.give", item.given_from):
        raise NotYours(_("Only whoever gave the task may send a link to it."))
    address = new_link(item, made_by=by.member, now=now)
    items.note("item.link_made", item, by=by.member, now=now)
    return address


def new_link(item: Item, *, made_by: Member | None, now: datetime) -> str:
    """An address under which an item, locked by the caller, can be done; only its hash is kept."""
    secret = secrets.token_urlsafe(24)
    Link.objects.create(
        item=item,
        hash=hash_of(secret),
        made_by=made_by,
        made_at=now,
        expires_at=max(item.due_at, now) + GOOD_AFTER_DUE,
    )
    return f"{settings.PUBLIC_URL}{reverse('work:link', args=[secret])}"


@transaction.atomic
def withdraw_links(item_id: UUID, *, by: Access, now: datetime) -> int:
    """Let all links to an item lead nowhere; returns how many did not before.

    :raises NotYours: only whoever may give work in that body
    """
    item = items.locked_open(item_id)
    if not by.may("work.give", item.given_from):
        raise NotYours(_("Only whoever gave the task may withdraw its links."))
    ended = Link.objects.filter(item=item, withdrawn_at=None).update(withdrawn_at=now)
    if ended:
        items.note("item.link_withdrawn", item, by=by.member, now=now)
    return ended


def open_link(secret: str, *, now: datetime) -> Item:
    """The item behind a link, whether it is still open or not; that it was looked at is kept.

    :raises LinkIsOver: it is none of ours, has expired, or was withdrawn
    """
    with as_worker():
        link = _link(secret, now=now)
        Link.objects.filter(pk=link.pk, opened_at=None).update(opened_at=now)
        return link.item


def finish_by_link(
    secret: str,
    *,
    name: str,
    words: str,
    pictures: Sequence[Picture],
    place: tuple[float, float] | None,
    now: datetime,
    end: str = Item.State.DONE,
) -> Item:
    """Say by a link that the work is done, with its proof; or that it will not be, and why.

    What is to be approved may be returned with a remark, or not approved. Whoever gave it is told of both.

    :raises LinkIsOver: as `open_link`
    :raises ItemIsOver: it has ended already
    :raises NameMissing: nobody says who did it
    :raises NotPossible: the task has no such end
    :raises TooManyPictures: eight are enough
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    :raises ProofMissing, WordsMissing: as `finish`
    """
    with as_worker():
        link = _link(secret, now=now)
        item = items.locked_open(link.item.public_id)
        called = " ".join(name.split())[:LONGEST_NAME]
        if not called:
            raise NameMissing(_("Write your name, so that we know who did the work."))
        shown = items.keep_pictures(pictures, item, place=place, now=now)
        ended = items.end_item(
            item, end=end, words=words, proofs=shown, by=None, name=called, now=now
        )
        if end in items.WANT_REASON:
            tell_giver_of_end(ended, now=now)
        return ended


def tell_giver_of_end(item: Item, *, now: datetime) -> None:
    """A task that comes back undone is somebody's to give anew: they hear of it where they are."""
    saying.tell_member_who_gave(
        item,
        lambda: (
            {
                Item.State.RETURNED: _("Returned for changes by %(name)s"),
                Item.State.REFUSED: _("Not approved by %(name)s"),
                Item.State.DECLINED: _("Declined by %(name)s"),
            }[Item.State(item.state)]
            % {"name": item.ended_name}
        ),
        words=item.answer,
        now=now,
    )


def explain_by_link(secret: str, silence: str, *, now: datetime) -> Item:
    """Say by a link why it takes longer.

    :raises LinkIsOver, ItemIsOver: as `finish_by_link`
    :raises NotPossible: there is no such reason
    """
    with as_worker():
        link = _link(secret, now=now)
        item = items.locked_open(link.item.public_id)
        return items.explain_item(item, silence, by=None, now=now)


def _link(secret: str, *, now: datetime) -> Link:
    link = (
        Link.objects.select_related(
            "item__node", "item__given_from", "item__contractor", "item__outside", "item__project"
        )
        .filter(hash=hash_of(secret), withdrawn_at=None, expires_at__gt=now)
        .first()
    )
    if link is None:
        raise LinkIsOver(
            _("This link leads nowhere any more. Ask whoever sent it to you for a new one.")
        )
    return link
