"""Reading accounts and what was sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.adapters.whatsapp.templates import Parameter
from bayan.channels.models import (
    Account,
    Attempt,
    Broadcast,
    Number,
    Outgoing,
    Portfolio,
    Quality,
    Reach,
    Template,
)
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, Page, as_page, beginning, page_of
from bayan.core.queries import Prepared, Tuples
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.permissions import Access

# Parameters of a template that are texts to write, and a sign that no text holds.
FILLED = {"text", "url", "payload", "code", "flow"}
MARK = "\ue000"


@dataclass(frozen=True)
class Subject:
    """What a message of ours was about, so that its answer finds its way."""

    type: str
    key: str


def subjects_of(external_ids: Iterable[str]) -> dict[str, Subject]:
    """What each of these messages of ours was about, by the provider's id; only those about something."""
    wanted = {external_id for external_id in external_ids if external_id}
    if not wanted:
        return {}
    rows = Outgoing.objects.filter(external_id__in=wanted).exclude(subject_type="")
    return {
        row.external_id: Subject(row.subject_type, row.subject_key)
        for row in rows
        if row.external_id
    }


def accounts() -> list[Account]:
    """All accounts with their numbers."""
    return list(Account.objects.prefetch_related("numbers__node").order_by("key"))


def main_number() -> Number | None:
    """The number through which the authority itself writes to persons; never one of an exercise."""
    numbers = Number.objects.of_whatsapp().exclude(account__nature=Account.Nature.EXERCISE)
    numbers = numbers.select_related("node")
    return min(numbers.order_by("pk"), key=lambda number: not number.node.is_desk, default=None)


def numbers_for(access: Access, permission: str, *, of_all: bool = False) -> list[Number]:
    """The WhatsApp numbers for whose body a role of this member allows it; `of_all` channels if wanted."""
    numbers = (_NUMBERS if of_all else _NUMBERS_OF_WHATSAPP).rows()
    return [number for number in numbers if access.may(permission, number.node)]


def all_numbers() -> list[Number]:
    """The numbers, senders' names and mailboxes of every account, with their accounts."""
    return list(_NUMBERS.rows())


def _with_account(numbers: QuerySet[Number]) -> QuerySet[Number]:
    return numbers.select_related("account__portfolio", "node").order_by("pk")


_NUMBERS = Prepared(lambda: _with_account(Number.objects.all()))
_NUMBERS_OF_WHATSAPP = Prepared(lambda: _with_account(Number.objects.of_whatsapp()))


def accounts_for(access: Access, permission: str, *, of_all: bool = False) -> list[Account]:
    """The WhatsApp accounts for which this is allowed: a template belongs to all numbers of its account.

    With `of_all` those of every channel.
    """
    allowed: dict[int, Account] = {}
    refused: set[int] = set()
    for number in (_NUMBERS if of_all else _NUMBERS_OF_WHATSAPP).rows():
        if access.may(permission, number.node):
            allowed[number.account_id] = number.account
        else:
            refused.add(number.account_id)
    return [account for key, account in allowed.items() if key not in refused]


# The states that somebody has to do something about.
TROUBLED = (Template.Status.REJECTED, Template.Status.PAUSED, Template.Status.DISABLED)
VIEWS = {
    "all": ~Q(status=Template.Status.DELETED),
    "approved": Q(status=Template.Status.APPROVED),
    "pending": Q(status__in=[Template.Status.SUBMITTING, Template.Status.PENDING]),
    "trouble": Q(status__in=TROUBLED)
    | Q(status=Template.Status.APPROVED, quality__in=[Quality.RED, Quality.YELLOW])
    | Q(status=Template.Status.DRAFT, error__isnull=False),
    "draft": Q(status=Template.Status.DRAFT),
}
FAMILIES = 40


@dataclass
class Family:
    """One text in its languages: the same name, with or without the language at its end."""

    name: str
    account: Account
    members: dict[str, Template] = field(default_factory=dict)

    @property
    def arabic(self) -> Template | None:
        return self._first(lambda code: code.startswith("ar"))

    @property
    def english(self) -> Template | None:
        return self._first(lambda code: code.startswith("en"))

    @property
    def others(self) -> list[Template]:
        return [t for t in self.members.values() if t not in (self.arabic, self.english)]

    @property
    def main(self) -> Template:
        return self.arabic or next(iter(self.members.values()))

    @property
    def words(self) -> str:
        """The beginning of its text."""
        return str(grammar.shown(self.main.components, {})["body"])[:160]

    def _first(self, is_wanted: Callable[[str], bool]) -> Template | None:
        return next((t for code, t in self.members.items() if is_wanted(code)), None)


def family_name(template: Template) -> str:
    """The name without its language: storm_warning for storm_warning_ar."""
    return re.sub(rf"_{template.language.lower()}$", "", template.name)


def template_counts(accounts: Iterable[Account]) -> dict[str, int]:
    """How many templates each view holds, in one query."""
    found = _TEMPLATE_COUNTS.rows([account.pk for account in accounts])
    return dict(zip(VIEWS, found[0] if found else [0] * len(VIEWS), strict=True))


_TEMPLATE_COUNTS = Tuples(
    lambda accounts: (
        Template.objects.filter(account__any_of=accounts)
        .order_by()
        .annotate(one=Value(1))
        .values("one")
        .annotate(**{f"of_{view}": Count("pk", filter=which) for view, which in VIEWS.items()})
        .values_list(*(f"of_{view}" for view in VIEWS))
    ),
    list,
)


def template_families(
    accounts: Iterable[Account], *, view: str, words: str, category: str, after: str = ""
) -> tuple[list[Family], str]:
    """The templates of this view, those of one name together; and the name after which more come."""
    rows = Template.objects.filter(VIEWS.get(view, VIEWS["all"]), account__in=accounts)
    if category:
        rows = rows.filter(category=category)
    if words:
        text = Cast("components", TextField())
        rows = rows.alias(text=text).filter(Q(name__icontains=words) | Q(text__icontains=words))
    found: dict[tuple[str, int], Family] = {}
    known = {account.pk: account for account in accounts}
    # The parts are the heavy part of a row: only what is shown is read whole.
    for row in rows.defer("components").order_by("name", "language"):
        name = family_name(row)
        family = found.setdefault(
            (name, row.account_id), Family(name=name, account=known[row.account_id])
        )
        family.members[row.language] = row
    keys = sorted(key for key in found if not after or key[0] > after)
    shown = keys[:FAMILIES]
    families = [found[key] for key in shown]
    keys_shown = [t.pk for f in families for t in f.members.values()]
    whole = {t.pk: t for t in _WHOLE_TEMPLATES.rows(keys_shown)}
    for family in families:
        for code, row in family.members.items():
            row.components = whole[row.pk].components
            row.account = family.account
            family.members[code] = row
    return families, shown[-1][0] if len(keys) > FAMILIES else ""


_WHOLE_TEMPLATES = Prepared(lambda keys: Template.objects.filter(pk__any_of=keys), list)


@dataclass(frozen=True)
class Step:
    """One step of a template's life."""

    line: people.Line
    reason: str


def steps_of(template: Template) -> list[Step]:
    """What happened to a template, latest first, with the provider's reasons in words."""
    with as_worker():
        entries = AuditEntry.objects.filter(
            subject_type="template", subject_key=str(template.public_id)
        )
        lines = people.in_words(entries.order_by("-pk")[:50])
    return [
        Step(
            line,
            grammar.why_refused(line.entry.details)
            if {"reason", "code"} & line.entry.details.keys()
            else "",
        )
        for line in lines
    ]


def parameters_of(template: Template) -> list[Parameter]:
    """What a message with this template must or can be given, in its order."""
    return grammar.parameters(template.components)


def preview(template: Template, values: Mapping[str, str]) -> dict[str, Any]:
    """How a message with this template looks while it is being filled in.

    `fields` are its parameters with the values that are known; `header`, `body` and `links` are lists of
    (key, text): where a key stands, the text is that parameter's value, or its example.
    """
    wanted = grammar.parameters(template.components)
    # A mark that no text holds keeps each variable apart from the words around it.
    seen = grammar.shown(
        template.components, {p.key: f"{MARK}{p.key}{MARK}" for p in wanted if p.kind in FILLED}
    )
    examples = {p.key: values.get(p.key) or p.example for p in wanted}

    def pieces(text: str) -> list[tuple[str, str]]:
        parts = text.split(MARK)
        return [
            (part, examples.get(part, "")) if place % 2 else ("", part)
            for place, part in enumerate(parts)
        ]

    return {
        "fields": [(parameter, values.get(parameter.key, "")) for parameter in wanted],
        "header": pieces(seen.get("header", {}).get("text", "")),
        "body": pieces(seen["body"]),
        "footer": seen.get("footer", ""),
        "buttons": [button["text"] for button in seen.get("buttons", ())],
    }


# Broadcasts

RECIPIENTS = 50
# One range for each state, merged: the order of the list costs no sorting of all its rows.
NEXT_RECIPIENTS = """
    SELECT head.id FROM unnest(%s::text[]) AS wanted (state)
    CROSS JOIN LATERAL (
        SELECT o.id FROM channels_outgoing o
        WHERE o.broadcast_id = %s AND o.state = wanted.state AND o.id > %s
        ORDER BY o.id LIMIT %s
    ) AS head
    ORDER BY head.id LIMIT %s
"""


def page_of_broadcasts(access: Access, *, after: Cursor | None) -> Page[Broadcast]:
    """The broadcasts of the bodies in which the reader may send some, newest first."""
    roots = set(access.bodies_of("broadcasts.send"))
    bodies = [key for key, node in organisation.nodes().items() if roots & set(node.lineage)]
    if after is None:
        return as_page(_FIRST_BROADCASTS.rows(bodies), "created_at", BROADCASTS)
    return page_of(_broadcasts(bodies), newest="created_at", after=after, limit=BROADCASTS)


BROADCASTS = 30


def _broadcasts(bodies: list[int]) -> QuerySet[Broadcast]:
    """Those of these bodies, with what a row shows."""
    return (
        Broadcast.objects.filter(node__any_of=bodies)
        .select_related("number", "template")
        .defer("template__components")
    )


_FIRST_BROADCASTS = Prepared(
    lambda bodies: beginning(_broadcasts(bodies), newest="created_at", limit=BROADCASTS), list
)


def recipients_of(
    broadcast: Broadcast, *, state: str = "", digits: str = "", after: int = 0
) -> tuple[list[Outgoing], int]:
    """The messages of a broadcast in the order of its list, and the id after which more come (0: none)."""
    if digits:
        found = Outgoing.objects.filter(broadcast=broadcast, to_phone__contains=digits)
        if state:
            found = found.filter(state=state)
        rows = list(found.filter(pk__gt=after).order_by("pk")[: RECIPIENTS + 1])
    else:
        states = [state] if state in Outgoing.State.values else Outgoing.State.values
        more = RECIPIENTS + 1
        with connection.cursor() as cursor:
            cursor.execute(NEXT_RECIPIENTS, [states, broadcast.pk, after, more, more])
            ids = [row[0] for row in cursor.fetchall()]
        rows = sorted(Outgoing.objects.filter(pk__in=ids), key=lambda row: row.pk)
    more_after = rows[RECIPIENTS - 1].pk if len(rows) > RECIPIENTS else 0
    return rows[:RECIPIENTS], more_after


def examples_of(broadcast: Broadcast) -> list[dict[str, Any]]:
    """The first three messages as their recipients see them."""
    rows, _more = recipients_of(broadcast)
    components = broadcast.template.components
    return [
        {
            "phone": row.to_phone,
            "seen": grammar.shown(components, grammar.values_in(components, row.content)),
        }
        for row in rows[:3]
    ]


@dataclass(frozen=True)
class Room:
    """How many people may still be reached in these 24 hours (reference 1.10)."""

    limit: int | None
    used: int

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


def room_of(portfolio: Portfolio, *, crisis: bool) -> Room:
    """What the messaging limit leaves, with the part that is kept for a crisis."""
    return Room(portfolio.allowance(crisis=crisis), portfolio.used)


SECRET_CHANGES = {
    "account.app_secret_changed": "app_secret",
    "account.verify_token_changed": "verify_token",
    "account.access_token_changed": "access_token",
}
LINES_OF_ACCOUNT = 30


@dataclass(frozen=True)
class AccountStory:
    """What happened to an account, latest first, and who set each of its secrets last."""

    lines: list[people.Line]
    secrets: dict[str, people.Line]


def story_of(account: Account) -> AccountStory:
    """The account's lines of the trail, in words."""
    with as_worker():
        entries = AuditEntry.objects.filter(subject_type="account", subject_key=account.key)
        latest = list(entries.order_by("-pk")[:LINES_OF_ACCOUNT])
        setting = entries.filter(action__in=[*SECRET_CHANGES, "account.created"])
        decisive: dict[str, AuditEntry] = {}
        for entry in setting.order_by("pk"):
            # Made with all three; each may have been changed since.
            changed = SECRET_CHANGES.get(entry.action)
            for which in [changed] if changed else SECRET_CHANGES.values():
                decisive[which] = entry
        lines = people.in_words([*latest, *decisive.values()])
    return AccountStory(
        lines[: len(latest)], dict(zip(decisive, lines[len(latest) :], strict=True))
    )


def templates_to_try(numbers: Iterable[Number]) -> list[Template]:
    """The approved templates of these numbers that need no file, by name."""
    rows = Template.objects.filter(
        account__in={number.account_id for number in numbers}, status=Template.Status.APPROVED
    ).select_related("account")
    return [
        template
        for template in rows.order_by("name", "language")
        if all(
            parameter.kind in {"text", "url", "code", "payload"}
            for parameter in grammar.parameters(template.components)
        )
    ]


# Letters to members


def how_far(
    subject_type: str, keys: Iterable[str], *, in_round: int = 0
) -> dict[tuple[str, int], Reach]:
    """How far each letter about these subjects is, by subject and member: `how_far`, `way`, `outgoing`."""
    rows = (
        Reach.objects.filter(subject_type=subject_type, subject_key__in=list(keys), round=in_round)
        .how_far()
        .select_related("outgoing")
    )
    return {(row.subject_key, row.member_id): row for row in rows if row.member_id is not None}


def tries_of(reaches: Iterable[int]) -> dict[int, list[Attempt]]:
    """By which ways it was tried, in their order, by the letter's id."""
    found: dict[int, list[Attempt]] = {}
    rows = Attempt.objects.filter(reach__in=list(reaches)).select_related("outgoing")
    for row in rows.order_by("pk"):
        found.setdefault(row.reach_id, []).append(row)
    return found
