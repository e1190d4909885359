"""The steps of ready-made series of acts, as a form offers them and as a person reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from bayan.core import events
from bayan.inbox import selectors
from bayan.inbox.models import CannedReply, Label, Macro
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member


@dataclass(frozen=True)
class Group:
    """Steps of one kind, under one heading."""

    label: str
    options: list[tuple[str, str]]


def offered(nodes: Collection[Node], *, now: datetime) -> list[Group]:
    """Every step that can be done in one of these bodies."""
    above = {key for node in nodes for key in node.lineage}
    replies = CannedReply.objects.filter(node__in=above).select_related("node").order_by("title")
    return _groups(
        [(str(row.public_id), _of(row.title, row.node)) for row in replies],
        [(str(row.public_id), row.name) for row in selectors.labels_of(nodes)],
        [(str(row.public_id), row.name) for row in people.answering(nodes, now=now)],
    )


def in_words(macros: Sequence[Macro]) -> list[tuple[Macro, list[str]]]:
    """Each of these with its steps as a person reads them, in three statements however many they are."""
    keys = {step.partition(":")[2] for macro in macros for step in macro.steps}
    keys = {key for key in keys if len(key) == len("00000000-0000-0000-0000-000000000000")}
    replies = CannedReply.objects.filter(public_id__in=keys).values_list("public_id", "title")
    labels = Label.objects.filter(public_id__in=keys).values_list("public_id", "name")
    members = Member.objects.filter(public_id__in=keys)
    groups = _groups(
        [(str(key), title) for key, title in replies] if keys else [],
        [(str(key), name) for key, name in labels] if keys else [],
        [(str(member.public_id), member.name) for member in members] if keys else [],
    )
    words = {
        value: _("%(act)s: %(value)s") % {"act": group.label, "value": label}
        for group in groups
        for value, label in group.options
    }
    gone = _("A step that is no longer possible")
    return [(macro, [words.get(step, gone) for step in macro.steps]) for macro in macros]


def _groups(
    replies: list[tuple[str, str]], labels: list[tuple[str, str]], members: list[tuple[str, str]]
) -> list[Group]:
    later = [
        ("hours", _("For three hours")),
        ("tomorrow", _("To the next working morning")),
        ("week", _("For a week")),
        ("", _("Back to the list now")),
    ]
    groups = {
        "ready": (_("Put into the reply"), replies),
        "label": (_("Put a label on"), labels),
        "unlabel": (_("Take a label off"), labels),
        "assign": (
            pgettext("conversation", "Assign"),
            [("me", _("To me")), ("", _("To nobody")), *members],
        ),
        "snooze": (pgettext("verb", "Put off"), later),
    }
    for key, field in events.matter_fields().items():
        choices = [(value, capfirst(str(label))) for value, label in field.choices]
        groups[key] = (str(field.label), choices)
    return [
        Group(heading, [(f"{name}:{value}", label) for value, label in options])
        for name, (heading, options) in groups.items()
        if options
    ]


def _of(title: str, node: Node) -> str:
    return title if node.is_desk else f"{title} · {node.short_name}"
