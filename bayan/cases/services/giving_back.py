"""Giving back to the authority's desk what is not the body's own."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services import transfers
from bayan.cases.services.handling import answering_for, let_go, pass_on
from bayan.cases.services.parts import ReasonMissing, entry
from bayan.core import audit, live
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.people.permissions import Access


@transaction.atomic
def give_back(rows: CaseQuerySet, *, reason: str, by: Member, now: datetime) -> inbox.Done:
    """Give open cases back to the authority's desk, with their conversations, messages and sister cases.

    The reason stands as a note in each conversation. Whoever sees the desk may undo it; everybody else has
    nothing left to undo it with, since they do not see the cases any more.

    :raises ReasonMissing: nobody at the desk would know why it comes back
    :raises NotTheirs: the member may not pass on cases of one of these bodies
    """
    reason = " ".join(reason.split())[: transfers.LONGEST]
    if not reason:
        raise ReasonMissing(_("Write in one line why it goes back to the authority."))
    desk = organisation.desk()
    chosen = list(rows.open().exclude(node=desk).values_list("pk", "conversation_id"))
    conversations = list(
        Conversation.objects.filter(pk__in={conversation for _case, conversation in chosen})
        .select_related("node")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    access = Access.of(by, now=now)
    for node in {row.node for row in conversations}:
        if not access.may("cases.assign", node):
            raise inbox.NotTheirs(
                _("%(name)s does not answer for %(body)s.") % {"name": by.name, "body": node.name}
            )
    if not conversations:
        return inbox.Done(0)
    keys = [row.pk for row in conversations]
    words = _("Given back to the authority: %(reason)s") % {"reason": reason}
    inbox.write_notes(Conversation.objects.filter(pk__in=keys), words, by=by, now=now)
    if access.may("cases.assign", desk):
        return pass_on(
            Case.objects.filter(pk__in=[case for case, _conversation in chosen]),
            to=desk, reason=reason, by=by, now=now, action="case.given_back",
        )  # fmt: skip
    cases = list(
        Case.objects.filter(conversation__in=keys)
        .select_related("node", "owner")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    origins = {case.pk: case.node for case in cases}
    # Afterwards the member sees the cases no more, and the database lets them write nothing about them.
    transfers.keep(cases, origins, to=desk, reason=reason, by=by, now=now)
    let_go(conversations, cases, stays=answering_for(desk, conversations, cases, now=now))
    Case.objects.bulk_update(cases, ["owner"], batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("SELECT give_back_to_desk(%s)", [keys])
    label = audit.Named(by.audit_key, by.audit_label)
    for case in cases:
        case.node = desk
    audit.record_all(
        entry(
            "case.given_back", case, by=label, now=now,
            **{"from": origins[case.pk].key, "to": desk.key},
        )
        for case in cases
    )  # fmt: skip
    live.announce(
        [
            *((row.node_id, "conversation", row.public_id) for row in conversations),
            *((desk.pk, "conversation", row.public_id) for row in conversations),
            *((origins[case.pk].pk, "case", case.public_id) for case in cases),
            *((desk.pk, "case", case.public_id) for case in cases),
        ]
    )
    picked = {case for case, _conversation in chosen}
    return inbox.Done(sum(case.pk in picked for case in cases))
