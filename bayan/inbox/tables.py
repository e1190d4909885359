"""Conversations and messages as lines of tables, for spreadsheets."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from bayan.core.templatetags.bayan import kind_label
from bayan.inbox.models import Conversation, ConversationQuerySet, Label, Message
from bayan.people.models import Identity

LINES = 500
BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)

type Lines = list[tuple[int, list[str]]]


def heading_of_conversations() -> list[str]:
    return [
        _("Name"), _("Mobile"), _("Body in charge"), _("State"), _("Case number"), _("Who answers"),
        _("Labels"), _("Last message"), _("Waits since"), _("Put off until"), _("Last words"),
    ]  # fmt: skip


def conversations(rows: ConversationQuerySet, *, after: int) -> Lines:
    """The next five hundred of these conversations after a key; two statements each time."""
    # Whoever writes three times waits since the first: since what came after our last words.
    unanswered = (
        Message.objects.filter(conversation=OuterRef("pk"), direction=Message.Direction.IN)
        .exclude(kind__in=["reaction", "edit", "revoke"])
        .filter(received_at__gt=Coalesce(OuterRef("last_outbound_at"), Value(BEFORE_ALL)))
        .order_by("received_at")
    )
    phones = Identity.objects.filter(contact=OuterRef("contact"), scheme="phone").order_by("pk")
    page = list(
        rows.filter(pk__gt=after)
        .select_related("contact", "node", "assignee")
        .annotate(
            phone=Subquery(phones.values("value")[:1]),
            waits_since=Subquery(unanswered.values("received_at")[:1]),
        )
        .order_by("pk")[:LINES]
    )
    labels = dict(Label.objects.values_list("pk", "name")) if page else {}
    return [(row.pk, _conversation(row, labels)) for row in page]


def _conversation(row: Conversation, labels: dict[int, str]) -> list[str]:
    known = vars(row)
    return [
        row.contact.name,
        known["phone"] or "",
        row.node.name,
        pgettext("case", "Open") if row.matter else pgettext("case", "Closed"),
        row.matter,
        row.assignee.name if row.assignee else "",
        _(", ").join(labels[key] for key in row.labels if key in labels),
        _moment(row.last_message_at),
        _moment(known["waits_since"] if row.is_waiting else None),
        _moment(row.snoozed_until),
        row.preview,
    ]


def heading_of_messages() -> list[str]:
    return [_("When"), _("Who"), _("Kind"), _("Message"), _("State")]


def messages(conversation: Conversation, *, after: int) -> Lines:
    """The next five hundred messages of a conversation after a key, as its thread shows them."""
    rows = (
        Message.objects.filter(conversation=conversation, pk__gt=after)
        .exclude(kind="reaction", direction=Message.Direction.OUT)
        .select_related("author", "outgoing", "media")
        .order_by("pk")[:LINES]
    )
    return [(row.pk, _message(row, conversation)) for row in rows]


def _message(row: Message, conversation: Conversation) -> list[str]:
    if row.is_passed_on and row.author:
        who = row.author.name
    elif row.direction == Message.Direction.IN:
        who = conversation.contact.name or _("The person")
    else:
        who = row.author.name if row.author else _("Bayan itself")
    file = row.media.name if row.media else ""
    return [
        _moment(row.received_at),
        who,
        kind_label("revoke" if row.revoked_at else row.kind),
        # What a person took back is shown to nobody who reads on.
        "" if row.revoked_at else row.text or file,
        capfirst(str(row.outgoing.get_state_display())) if row.outgoing else "",
    ]


def _moment(value: datetime | None) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""
