"""Telling a member something of theirs that is no task, by whichever way gets to them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Reach
from bayan.channels.services import WAYS
from bayan.people import selectors as people_selectors
from bayan.people.models import Member
from bayan.work.models import Notice
from bayan.work.services.onward import WITHOUT_CHAT
from bayan.work.services.saying import Word, tell_member


def tell_member_onward(member: Member, word: Word, *, now: datetime) -> tuple[str, Reach | None]:
    """Tell a member something, in the language that is set; where WhatsApp fails, the next way is tried.

    What they were told of the same thing before goes no further way. Returns the way of the first try, as of
    a notice, and the letter by which it goes on; none for whoever works for no body any more.
    """
    body = people_selectors.body_of_member(member, now=now)
    if body is None:
        return Notice.Way.PAGE, None
    kind, key = word.subject
    before = Reach.objects.filter(subject_type=kind, subject_key=key, member=member)
    last = before.aggregate(last=Max("round"))["last"]
    if last is not None:
        channels.call_off(kind, [key], now=now)
    way = tell_member(member, word, now=now)
    # It was queued a moment ago, in this transaction.
    begun = (
        Outgoing.objects.filter(subject_type=kind, subject_key=key).order_by("-pk").first()
        if way != Notice.Way.PAGE
        else None
    )
    if begun is not None:
        ways = tuple(one for one in WAYS if one != Reach.Way.WHATSAPP)
    else:
        ways = WAYS if member.phone_linked_at is not None else WITHOUT_CHAT
    letter = channels.Letter(
        member_id=member.pk,
        node_id=body.pk,
        subject_key=key,
        round=0 if last is None else last + 1,
        title=word.what[:120],
        text=word.text,
        template_id=begun.template_id if begun else None,
        template_content=begun.content if begun and begun.template_id else None,
        ways=ways,
        begun=begun,
    )
    channels.reach([letter], subject_type=kind, now=now)
    return way, before.get(round=letter.round)
