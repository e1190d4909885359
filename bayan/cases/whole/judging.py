"""Reading the samples of quality: what was drawn, how it was judged, and one card to judge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from bayan.cases.models import Closing, Sampled
from bayan.cases.services.proof import wants_picture
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.permissions import Access

STATES = ("open", "good", "to_improve", "reopened", "all")
SHOWN, MONTHS = 50, 24
# What a director is asked, by the field that keeps the answer.
QUESTIONS = ("outcome_true", "proof_shows", "words_kind", "place_right")


@dataclass(frozen=True)
class Figures:
    """How a body's sample of a month was judged."""

    node: Node
    total: int
    judged: int
    good: int
    to_improve: int
    reopened: int
    excused: int

    @property
    def share(self) -> int | None:
        """Of those judged, how many closings were good, in whole hundredths."""
        return round(100 * self.good / self.judged) if self.judged else None


def of_month(access: Access, month: date | None, *, body: str = "") -> QuerySet[Sampled]:
    """A month's sample of the bodies that the reader heads, in the order of judging."""
    if month is None:
        return Sampled.objects.none()
    rows = Sampled.objects.filter(
        month=month, node__in=access.nodes_where("quality.manage")
    ).order_by("pk")
    return rows.filter(node__key=body) if body else rows


def narrowed(rows: QuerySet[Sampled], state: str) -> QuerySet[Sampled]:
    """Those to be judged yet, or those of one verdict."""
    if state == "all":
        return rows
    return rows.filter(verdict="" if state == "open" else state)


def months(access: Access) -> list[date]:
    """The months of which the reader's bodies have a sample, the latest first."""
    return list(
        Sampled.objects.filter(node__in=access.nodes_where("quality.manage"))
        .order_by("-month")
        .values_list("month", flat=True)
        .distinct()[:MONTHS]
    )


def figures(rows: QuerySet[Sampled]) -> list[Figures]:
    """How each body stands, in the order of the tree."""
    nodes = organisation.nodes()
    counted = (
        rows.order_by()
        .values("node")
        .annotate(
            total=Count("pk"),
            judged=Count("pk", filter=~Q(verdict="")),
            good=Count("pk", filter=Q(verdict="good")),
            to_improve=Count("pk", filter=Q(verdict="to_improve")),
            reopened=Count("pk", filter=Q(verdict="reopened")),
            excused=Count("pk", filter=Q(is_excused=True)),
        )
    )
    found = [
        Figures(
            node=nodes[row["node"]],
            total=row["total"],
            judged=row["judged"],
            good=row["good"],
            to_improve=row["to_improve"],
            reopened=row["reopened"],
            excused=row["excused"],
        )
        for row in counted
    ]
    return sorted(found, key=lambda one: (one.node.position, one.node.pk))


def page(rows: QuerySet[Sampled], *, after: int = 0) -> tuple[list[Sampled], int | None]:
    """The next rows with all that they show, and the key after which it goes on."""
    found = list(
        rows.filter(pk__gt=after).select_related("case__conversation", "node", "judged_by")[
            : SHOWN + 1
        ]
    )
    return found[:SHOWN], found[SHOWN - 1].pk if len(found) > SHOWN else None


@dataclass(frozen=True)
class Card:
    """A closed case as it is judged: what the person wrote, how it ended, and what shows it."""

    row: Sampled
    closing: Closing | None
    first_words: str
    last_words: str
    wants_picture: bool


def card_of(row: Sampled) -> Card:
    """What a director looks at; `row` comes with its case."""
    messages = Message.objects.filter(matter=row.case.reference).exclude(text="")
    first = messages.filter(direction=Message.Direction.IN).order_by("sent_at", "pk").first()
    last = messages.filter(direction=Message.Direction.OUT).order_by("-sent_at", "-pk").first()
    return Card(
        row=row,
        closing=Closing.objects.filter(case=row.case).select_related("proof").first(),
        first_words=first.text if first else "",
        last_words=last.text if last else "",
        wants_picture=wants_picture(row.case, row.case.outcome),
    )


def following(rows: QuerySet[Sampled], row: Sampled) -> Sampled | None:
    """The next one to be judged after this, from the beginning where none comes after."""
    left = rows.filter(verdict="").exclude(pk=row.pk)
    return left.filter(pk__gt=row.pk).first() or left.first()


def heading() -> list[str]:
    return [
        _("Month"), _("Body in charge"), _("Case number"), _("Category"), _("Outcome"),
        _("Without a picture"), _("Outcome is true"), _("Picture shows it"),
        _("Words are kind and correct"), _("Place is right"), _("Verdict"), _("Note"), _("Judged by"),
        _("Judged"),
    ]  # fmt: skip


def written(rows: QuerySet[Sampled]) -> list[list[str]]:
    """The sample as lines of a table."""
    said = {True: _("yes"), False: _("no"), None: ""}
    return [
        [
            f"{row.month:%Y-%m}", row.node.name, row.case.reference, row.case.get_category_display(),
            row.case.get_outcome_display(), said[row.is_excused],
            *(said[getattr(row, name)] for name in QUESTIONS), row.get_verdict_display(), row.note,
            row.judged_by.name if row.judged_by else "",
            timezone.localtime(row.judged_at).strftime("%Y-%m-%d %H:%M") if row.judged_at else "",
        ]
        for row in rows.select_related("case", "node", "judged_by")
    ]  # fmt: skip
