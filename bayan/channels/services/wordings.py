"""An authority's own words of automatic messages: kept, taken back, tried on one's own phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import bubbles
from bayan.channels.adapters import ADAPTERS
from bayan.channels.bubbles import Texts
from bayan.channels.models import Number, Outgoing
from bayan.channels.services.testing import send_content
from bayan.core import audit, automatic, catalogue, undo
from bayan.core.automatic import Automatic
from bayan.core.errors import DomainError
from bayan.core.models import Wording
from bayan.organisation import selectors as organisation
from bayan.people.models import Member

WORDED = "channels.worded"


class WordingFaulty(DomainError):
    """A text lacks what is filled in there, or is longer than its place; `faults` says where and what."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(_("Nothing was kept yet: look at what is marked."))
        self.faults = faults


class NoPhoneOfOnesOwn(DomainError):
    pass


@transaction.atomic
def word(message: Automatic, texts: Texts, *, by: Member, now: datetime) -> UUID | None:
    """Say it so from now on; what reads as the original is Bayan's own again.

    `texts` holds forms by text and language, as they are kept. Returns the name under which it is undone,
    or None: nothing has changed.

    :raises WordingFaulty: nothing of it is kept
    """
    if found := bubbles.faults(message, texts):
        raise WordingFaulty(found)
    wanted = {
        (words.key, language): list(texts[words.key, language])
        if texts[words.key, language] != catalogue.original(words, language)
        else None
        for words in message.words
        for language in message.languages
        if (words.key, language) in texts
    }
    return _keep(message, wanted, action="wording.changed", by=by, now=now)


@transaction.atomic
def reset_words(message: Automatic, *, by: Member, now: datetime) -> UUID | None:
    """Say it in Bayan's own words again; returns as `word`."""
    wanted = {
        (words.key, language): None for words in message.words for language in message.languages
    }
    return _keep(message, wanted, action="wording.reset", by=by, now=now)


def undo_word(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Say it as it was said before."""
    message = automatic.message(facts["message"])
    if message is not None:
        before = {(key, language): forms for key, language, forms in facts["before"]}
        _keep(message, before, action="wording.undone", by=by, now=now)


def _keep(
    message: Automatic,
    wanted: Mapping[tuple[str, str], Sequence[str] | None],
    *,
    action: str,
    by: Member,
    now: datetime,
) -> UUID | None:
    keys = {key for key, _language in wanted}
    rows = {
        (row.key, row.language): row
        for row in Wording.objects.filter(key__in=keys).order_by("pk").select_for_update()
    }
    before: list[tuple[str, str, Sequence[str] | None]] = []
    for (key, language), forms in wanted.items():
        row = rows.get((key, language))
        was = row.forms if row else None
        if was == (list(forms) if forms else None):
            continue
        before.append((key, language, was))
        if forms is None:
            Wording.objects.filter(key=key, language=language).delete()
        else:
            # Two who write at once: the later one counts.
            Wording.objects.update_or_create(
                key=key, language=language, defaults={"forms": list(forms), "changed_at": now}
            )
    if not before:
        return None
    audit.record(
        audit.Entry(
            action=action,
            subject_type="message",
            subject_key=message.key,
            by=by,
            at=now,
            node_id=organisation.desk().pk,
            # Which texts, never what they say.
            details={"texts": sorted({f"{key}:{language}" for key, language, _was in before})},
        )
    )
    catalogue.announce()
    return undo.remember(
        WORDED, {"message": message.key, "before": before}, member_id=by.pk, now=now
    )


@transaction.atomic
def try_words(
    message: Automatic, texts: Texts, language: str, *, number: Number, by: Member, now: datetime
) -> list[Outgoing]:
    """Send all that it may say in one language, with examples filled in, to the member's own mobile.

    :raises NoPhoneOfOnesOwn: none is linked
    :raises NumberIsStopped: nothing leaves this number now
    :raises WordingFaulty: it could not be sent as it is
    """
    if not by.phone or by.phone_linked_at is None:
        raise NoPhoneOfOnesOwn(
            _("Link your mobile first, under your name: the test goes to you alone.")
        )
    if found := bubbles.faults(message, texts):
        raise WordingFaulty(found)
    channel = ADAPTERS[number.account.channel]
    return [
        send_content(number, by.phone, content, kind="message", by=by, now=now)
        for content in bubbles.contents(message, texts, language, channel)
    ]
