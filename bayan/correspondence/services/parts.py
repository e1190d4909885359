"""What the steps of a letter share: finding it, refusing, and its lines in the trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.correspondence.models import Letter

# The subject type of its tasks, of messages about copies, and of its lines in the trail
# (config/subscriptions.py).
LETTER = "letter"


class NotOpen(DomainError):
    pass


class NotSent(DomainError):
    pass


class NotYours(DomainError):
    pass


def locked(letter_id: UUID) -> Letter:
    """The letter, ours until the commit."""
    found: Letter = (
        Letter.objects.select_for_update(of=("self",))
        .select_related("node", "author", "signer", "approval")
        .get(public_id=letter_id)
    )
    return found


def locked_open(letter_id: UUID) -> Letter:
    """The letter, if its words may still be changed.

    :raises NotOpen: it waits for a signature, or has left
    """
    letter = locked(letter_id)
    if not letter.is_open:
        raise NotOpen(_("This can no longer be changed: it waits for a signature, or has left."))
    return letter


def entry(
    action: str, letter: Letter, *, by: audit.Actor, now: datetime, **details: Any
) -> audit.Entry:
    """A line for the letter's trail."""
    return audit.Entry(
        action=action,
        subject_type=LETTER,
        subject_key=str(letter.public_id),
        by=by,
        at=now,
        node_id=letter.node_id,
        details=details,
    )


def note(action: str, letter: Letter, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    """Write a step into the letter's trail, and tell the screens."""
    audit.record(entry(action, letter, by=by, now=now, **details))
    live.announce([(letter.node_id, LETTER, letter.public_id)])


def named(letter: Letter) -> str:
    """Its kind and number as those who get it are told of it: no word of what it says."""
    kind = str(letter.get_kind_display())
    if letter.is_secret:
        return _("Classified letter %(number)s") % {"number": letter.reference}
    return _("%(kind)s %(number)s") % {"kind": kind.capitalize(), "number": letter.reference}


def titled(letter: Letter) -> str:
    """As `named`, with the subject where its grade lets that leave the house."""
    if letter.is_secret:
        return named(letter)
    return f"{named(letter)}: {letter.subject}"
