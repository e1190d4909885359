"""The story by e-mail for journalists whose WhatsApp failed and whose address is known: once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import Error, transaction
from django.db.models.functions import Lower

from bayan.channels import services as channels
from bayan.channels.models import Number, Outgoing
from bayan.core import live
from bayan.people import services as people
from bayan.people.services import Sender
from bayan.press.models import Copy, CopyLink, Release
from bayan.press.services.links import new_link
from bayan.press.services.releasing import BATCH, COPY, message_for
from bayan.press.services.ways import mail_number, silent_among

# What failed longer ago is news no more.
NEWS_LAST = timedelta(days=1)
log = structlog.get_logger(__name__)


def mail_failed(*, now: datetime) -> int:
    """Send by e-mail what did not get through by WhatsApp; returns how many copies were looked at.

    Each failure is looked at once, whatever comes of it: without an address, after a wish for no messages,
    or where e-mail is not set up, the copy stays failed, as the page shows it.
    """
    lately = Outgoing.objects.filter(
        state=Outgoing.State.FAILED, failed_at__gt=now - NEWS_LAST, subject_type=COPY
    )
    failed = Copy.objects.filter(
        outgoing__in=lately, state=Copy.State.QUEUED, failed=None, is_by_email=False,
        release__state__in=[Release.State.RUNNING, Release.State.FINISHED],
    )  # fmt: skip
    looked = 0
    for key in list(failed.order_by("release").values_list("release", flat=True).distinct()):
        try:
            with transaction.atomic():
                looked += _mail_of(key, now=now)
        except Error:
            raise
        except Exception:
            # One that cannot be written must not hold up the others; it is not tried again and again.
            log.exception("release.mail_failed", release=key)
            for copy in failed.filter(release=key):
                Copy.objects.filter(pk=copy.pk).update(failed=copy.outgoing_id)
    return looked


def _mail_of(key: int, *, now: datetime) -> int:
    found = (
        Release.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("story__node", "node")
        .filter(pk=key, state__in=[Release.State.RUNNING, Release.State.FINISHED])
        .first()
    )
    if found is None:
        return 0
    copies = list(
        found.copies.filter(
            state=Copy.State.QUEUED, failed=None, is_by_email=False,
            outgoing__state=Outgoing.State.FAILED,
        )
        .select_related("journalist")
        .order_by("pk")
        .select_for_update(of=("self",))[:BATCH]
    )  # fmt: skip
    for copy in copies:
        copy.failed_id = copy.outgoing_id
    number = mail_number()
    if number is not None:
        _mail(found, _to_mail(found, copies), number, now=now)
    Copy.objects.bulk_update(
        copies, ["failed", "contact", "outgoing", "is_by_template", "is_by_email"]
    )
    live.announce([(found.node_id, "release", found.public_id)])
    return len(copies)


def _to_mail(found: Release, copies: Sequence[Copy]) -> list[Copy]:
    """Those whose address is known and wanted, and had by nobody who got this already."""
    had = set(
        found.copies.filter(is_by_email=True, state=Copy.State.QUEUED).values_list(
            Lower("journalist__email"), flat=True
        )
    )
    known = [(copy, copy.journalist) for copy in copies if copy.journalist.email]
    silent = silent_among(
        [address for _copy, one in known for address in (one.phone, one.email.lower())]
    )
    chosen = []
    for copy, journalist in known:
        address = journalist.email.lower()
        is_wanted = not silent & {journalist.phone, address} and journalist.agreed_at is not None
        if is_wanted and journalist.ended_at is None and address not in had:
            had.add(address)
            chosen.append(copy)
    return chosen


def _mail(found: Release, copies: Sequence[Copy], number: Number, *, now: datetime) -> None:
    senders = {
        copy: Sender(email=copy.journalist.email.lower(), name=copy.journalist.name)
        for copy in copies
    }
    people.lock_senders(senders.values())
    contacts = people.contacts_of(list(senders.values()), now=now)
    links, rows = [], []
    for copy, sender in senders.items():
        # The secret of the first link is known to nobody any more; this one is another.
        link, address = new_link(copy, until=found.links_until, made_by=None, now=now)
        links.append(link)
        copy.contact, copy.is_by_email, copy.is_by_template = contacts[sender], True, False
        rows.append(message_for(found, copy, number, None, address, now=now))
    CopyLink.objects.bulk_create(links)
    for copy, row in zip(copies, channels.send_each(rows, now=now), strict=True):
        copy.outgoing = row
