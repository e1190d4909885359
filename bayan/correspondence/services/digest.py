"""«خلاصة الردود»: what those who got a letter answered, summed up by whoever wrote it, for all of them.

Drafted from what is there (`summary`), edited by a person, and told to nobody before they press. The worker
hands it over as it does letters: batch by batch, each person once, by their grade.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.models import Outgoing
from bayan.core import live
from bayan.core.rls import as_worker
from bayan.correspondence.models import Digest, DigestReader, Letter, Recipient
from bayan.correspondence.services.drafting import NoAddressee, WordsMissing
from bayan.correspondence.services.parts import LETTER, NotSent, locked, note, titled
from bayan.correspondence.services.sending import BATCH, LONGEST, RECIPIENT, cut
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.services import Telling

# Told of the same letter again: after the letter itself and its recall.
FIRST_ROUND = 10
LONGEST_DIGEST = 6_000

log = structlog.get_logger(__name__)


@transaction.atomic
def send_digest(
    letter_id: UUID,
    text: str,
    *,
    to: Collection[UUID] | None,
    by: Member,
    now: datetime,
) -> Digest:
    """Have everybody who got a letter told what was answered, or of them those named; the worker does it.

    :raises NotSent: the letter has not left, or was recalled
    :raises WordsMissing: it says nothing
    :raises NoAddressee: nobody is named
    """
    letter = locked(letter_id)
    if letter.state != Letter.State.SENT:
        raise NotSent(_("Only what was sent, and not recalled, has answers to sum up."))
    if not text.strip():
        raise WordsMissing(_("Write the summary."))
    # They may be of bodies that the writer does not see.
    with as_worker():
        readers = letter.recipients.all()
        if to is not None:
            readers = readers.filter(public_id__in=to)
        keys = list(readers.order_by("node", "pk").values_list("pk", flat=True))
        if not keys:
            raise NoAddressee(_("Choose who gets the summary."))
        last = letter.digests.aggregate(last=Max("number"))["last"] or 0
        digest: Digest = Digest.objects.create(
            letter=letter, number=last + 1, text=text.strip()[:LONGEST_DIGEST], by=by, at=now,
            is_for_all=to is None,
        )  # fmt: skip
        DigestReader.objects.bulk_create(
            DigestReader(digest=digest, recipient_id=key) for key in keys
        )
    note("letter.digest_sent", letter, by=by, now=now, readers=len(keys))
    return digest


def hand_over_digests(*, now: datetime) -> int:
    """Tell those who are to have summaries; returns how many were told."""
    told = 0
    for key in Digest.objects.filter(handed_at=None).order_by("pk").values_list("pk", flat=True):
        try:
            while some := _hand_over_some(key, now=now):
                told += some
        except Error:
            raise
        except Exception:
            # One that cannot be handed over must not hold up the others.
            log.exception("digest.failed", digest=key)
    return told


@transaction.atomic
def _hand_over_some(digest_id: int, *, now: datetime) -> int:
    digest = (
        Digest.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("letter__node")
        .filter(pk=digest_id, handed_at=None)
        .first()
    )
    if digest is None:
        return 0
    letter = digest.letter
    rows = list(
        digest.readers.filter(told_at=None)
        .select_related("recipient__member", "recipient__node")
        .order_by("pk")[:BATCH]
        .select_for_update(of=("self",))
    )
    # What was recalled meanwhile is summed up for nobody.
    if not rows or letter.state != Letter.State.SENT:
        digest.handed_at = now
        digest.save(update_fields=["handed_at"])
        live.announce([(letter.node_id, LETTER, letter.public_id)])
        return 0
    words = [_word(digest, row.recipient, now=now) for row in rows]
    work.tell_each(
        words, subject_type=RECIPIENT, now=now, lane=Outgoing.Lane.WORK,
        round=FIRST_ROUND + digest.number,
    )  # fmt: skip
    for row in rows:
        row.told_at = now
    DigestReader.objects.bulk_update(rows, ["told_at"])
    return len(rows)


def _word(digest: Digest, row: Recipient, *, now: datetime) -> Telling:
    """What leaves the house: all of it, its title, or only that there is something; by the letter's grade."""
    letter = digest.letter
    with override(row.member.language):
        title = _("Summary of answers: %(letter)s") % {"letter": titled(letter)}
        lines = [f"*{title}*"]
        if not letter.is_classified:
            lines += ["", cut(digest.text, LONGEST), ""]
        else:
            lines.append(_("It may be read on the platform only."))
        path = reverse("correspondence:letter", args=[letter.public_id])
        lines.append(f"{settings.PUBLIC_URL}{path}")
        return Telling(
            member=row.member, key=str(row.public_id), node_id=row.node_id, text="\n".join(lines),
            title=title, due_at=now,
        )  # fmt: skip
