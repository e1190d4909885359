"""Reading letters: the reader's, a body's, who has got one and what they did with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Aggregate,
    Case,
    CharField,
    Count,
    Exists,
    F,
    FloatField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Extract

from bayan.channels.models import Outgoing, Reach
from bayan.core.models import AuditEntry
from bayan.core.rls import as_worker
from bayan.correspondence import services
from bayan.correspondence.marking import has_pages
from bayan.correspondence.models import (
    AddressList,
    Attachment,
    Digest,
    DigestReader,
    Filled,
    Letter,
    LetterQuerySet,
    Look,
    Recipient,
    Reply,
    Review,
)
from bayan.correspondence.questions import FieldKind, Question, key, questions_of
from bayan.correspondence.questions import shown as answer_in_words
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.people.selectors import Line
from bayan.work.models import Item, Proof, Remark

LOOKS, REPLIES, LINES = 100, 200, 100


def mine(access: Access, *, now: datetime) -> LetterQuerySet:
    """Letters that this member gets, for themselves or for whom they stand in; recalled ones too."""
    lenders = Deputyship.objects.current(now=now).filter(
        deputy=access.member, member__is_active=True
    )
    # Named one by one: with a condition in their place no index leads to what they got.
    voices = [access.member.pk, *lenders.values_list("member", flat=True)]
    to_me = Recipient.objects.filter(member__in=voices, letter=OuterRef("pk"))
    return Letter.objects.filter(Exists(to_me))


def views_of(access: Access, *, now: datetime) -> dict[str, QuerySet[Letter]]:
    """The letters of each view of the list.

    `mine`: what came to the reader; `open`: of that what still wants something of them; `drafts`: what is
    being written; `waiting`: what waits for a review or a signature; `sent`: what the reader's bodies sent.
    """
    wanted = Recipient.objects.filter(
        letter=OuterRef("pk"), member=access.member, item__state=Item.State.OPEN
    )
    roots = access.bodies_of("letters.write")
    # Named one by one: this is looked at before who may see each of them.
    ours = Letter.objects.filter(
        node__in=list(access.nodes_where("letters.write").values_list("pk", flat=True))
    )
    return {
        "open": Letter.objects.filter(Exists(wanted)),
        "mine": mine(access, now=now),
        "drafts": ours.filter(state__in=["draft", "returned", "refused"]),
        "waiting": Letter.objects.filter(state__in=["reviewing", "review"]).filter(
            Q(signer=access.member)
            | Q(state="reviewing", reviewers__contains=[access.member.pk])
            | Q(node__lineage__overlap=roots)
        ),
        "sent": ours.filter(sent_at__isnull=False),
    }


def shown(rows: QuerySet[Letter]) -> QuerySet[Letter]:
    """With all that a row shows."""
    return rows.select_related("node", "author", "signer").prefetch_related(
        Prefetch("corrected_by", Letter.objects.filter(state="sent"), to_attr="corrections")
    )


def with_counts(letters: Sequence[Letter], access: Access) -> None:
    """Let each of these letters know how many got it, how many have done what was wanted, and its name.

    The name, `shown_subject`, of one that was recalled is kind and number to whoever only got it. Counted
    with the worker's eyes: the reader sees the letter, and learns numbers only.
    """
    with as_worker():
        counts = {
            row["letter"]: row
            for row in Recipient.objects.filter(letter__in=letters)
            .values("letter")
            .annotate(
                total=Count("pk", filter=Q(is_copy=False)),
                done=Count("pk", filter=Q(item__state=Item.State.DONE)),
            )
        }
    for letter in letters:
        found = counts.get(letter.pk)
        letter.total = found["total"] if found else 0  # type: ignore[attr-defined]
        letter.done = found["done"] if found else 0  # type: ignore[attr-defined]
        is_hidden = letter.state == Letter.State.RECALLED and not may_see_all(letter, access)
        letter.shown_subject = services.named(letter) if is_hidden else letter.subject  # type: ignore[attr-defined]


def staged(rows: QuerySet[Recipient]) -> QuerySet[Any]:
    """With `stage`: how far it is with each, from their task, the page and their message, joined."""
    state = "reach__outgoing__state"
    return rows.annotate(
        stage=Case(
            When(item__state=Item.State.DONE, then=Value("done")),
            When(Q(seen_at__isnull=False) | Q(**{state: Outgoing.State.READ}), then=Value("read")),
            When(**{state: Outgoing.State.DELIVERED}, then=Value("delivered")),
            # Every way was tried: it stands on the page, and somebody may have to call.
            When(reach__state=Reach.State.LEFT, then=Value("page")),
            When(**{state: Outgoing.State.SENT}, then=Value("sent")),
            When(**{state: Outgoing.State.UNCERTAIN}, then=Value("uncertain")),
            default=Value("queued"),
            output_field=CharField(),
        )
    )


@dataclass
class Matrix:
    """كشف الاطلاع: how far it is with everybody whom the reader may see, or with one stage of them."""

    counts: dict[str, int]
    total: int
    late: int
    rows: list[Recipient] = field(default_factory=list)

    @property
    def silent(self) -> int:
        return self.total - self.counts.get("done", 0)


def may_see_all(letter: Letter, access: Access) -> bool:
    """Whether the reader sees everybody who got it: whoever wrote or signed it, or writes for its body."""
    return access.member.pk in {letter.author_id, letter.signer_id} or (
        not letter.is_secret and access.may("letters.write", letter.node)
    )


def recipients_of(letter: Letter, access: Access) -> QuerySet[Recipient]:
    """Those who got it, as far as this reader may see them: a body sees its own. To be read as the worker."""
    rows = letter.recipients.all()
    if may_see_all(letter, access):
        return rows
    return rows.filter(
        Q(member=access.member) | Q(node__in=access.nodes_where("people.manage").values("pk"))
    )


def matrix(
    letter: Letter,
    access: Access,
    *,
    now: datetime,
    stage: str = "",
    most: int | None = None,
) -> Matrix:
    """How far it is, counted in one statement, and the people of one stage (`late`: those who are late)."""
    with as_worker():
        rows = staged(recipients_of(letter, access))
        counts: dict[str, int] = {}
        late = 0
        for row in (
            rows.order_by()
            .values("stage", "is_copy")
            .annotate(count=Count("pk"), late=Count("pk", filter=_is_late(now)))
        ):
            key = "copy" if row["is_copy"] else row["stage"]
            counts[key] = counts.get(key, 0) + row["count"]
            late += row["late"]
        asked = rows
        if stage == "late":
            asked = asked.filter(_is_late(now))
        elif stage == "silent":
            asked = asked.filter(is_copy=False).exclude(stage="done")
        elif stage == "copy":
            asked = asked.filter(is_copy=True)
        elif stage:
            asked = asked.filter(stage=stage, is_copy=False)
        asked = asked.select_related("member", "node", "item", "item__ended_by", "reach")
        asked = asked.order_by("is_copy", "node__position", "node", "member__name_ar", "pk")
        people_shown = list(asked[:most] if most else asked)
    total = sum(count for key, count in counts.items() if key != "copy")
    return Matrix(counts, total, late, people_shown)


def _is_late(now: datetime) -> Q:
    return Q(item__state=Item.State.OPEN, item__due_at__lt=now)


def answers_of(letter: Letter, access: Access) -> list[Recipient]:
    """Those who answered, with what they answered and what shows it, the latest first."""
    with as_worker():
        return list(
            recipients_of(letter, access)
            .filter(item__state=Item.State.DONE)
            .exclude(Q(item__answer="") & ~Exists(Proof.objects.filter(item=OuterRef("item"))))
            .select_related("member", "node", "item")
            .prefetch_related(
                Prefetch("item__proofs", Proof.objects.select_related("media").order_by("pk"))
            )
            .order_by("-item__ended_at")
        )


@dataclass(frozen=True)
class FormTable:
    """What was filled into a letter's form: a column for each field, a row for each who answered."""

    questions: list[Question]
    # Each with its answers, in the order of the fields.
    rows: list[tuple[Filled, list[str]]]
    # Of fields that are numbers, their sum; empty for the others.
    sums: list[str]


def filled_of(letter: Letter, access: Access) -> FormTable | None:
    """The table of a letter's form, as far as this reader may see its people; None where it has no form."""
    if not letter.fields:
        return None
    asked = questions_of(letter.fields)
    with as_worker():
        found = list(
            Filled.objects.filter(recipient__in=recipients_of(letter, access))
            .select_related("recipient__member", "recipient__node", "picture")
            .order_by("recipient__node__position", "recipient__node", "pk")
        )
    rows, totals = [], [Decimal(0) for _one in asked]
    for one in found:
        line = []
        for at, question in enumerate(asked):
            value = one.values.get(key(at + 1), "")
            if value and question.kind == FieldKind.NUMBER:
                totals[at] += Decimal(value)
            line.append(answer_in_words(question, value) if value else "")
        rows.append((one, line))
    sums = [
        format(total, "f") if question.kind == FieldKind.NUMBER and rows else ""
        for question, total in zip(asked, totals, strict=True)
    ]
    return FormTable(asked, rows, sums)


def digests_of(letter: Letter, access: Access, mine: Recipient | None) -> list[Digest]:
    """The summaries of its answers that are for this reader, the latest first."""
    rows = letter.digests.select_related("by").order_by("-number")
    if not may_see_all(letter, access):
        is_mine = Exists(DigestReader.objects.filter(digest=OuterRef("pk"), recipient=mine))
        rows = rows.filter(Q(is_for_all=True) | is_mine if mine else Q(is_for_all=True))
    return list(rows)


def replies_of(letter: Letter, access: Access) -> list[Reply]:
    """What people wrote about it besides, the latest first."""
    with as_worker():
        return list(
            Reply.objects.filter(recipient__in=recipients_of(letter, access))
            .select_related("recipient__member", "recipient__node", "message__media")
            .order_by("-at", "-pk")[:REPLIES]
        )


def files_of(letter: Letter) -> list[Attachment]:
    """Its files, for whoever sees the letter; each knows whether it can bear its reader's name (`has_pages`).

    They are files of the body that wrote it, which those who got the letter do not see by themselves.
    """
    with as_worker():
        rows = list(letter.attachments.select_related("media").order_by("pk"))
    for row in rows:
        row.has_pages = has_pages(row.media)  # type: ignore[attr-defined]
    return rows


def looks_of(letter: Letter) -> list[Look]:
    """Who opened it, the latest first."""
    with as_worker():
        return list(letter.looks.select_related("member").order_by("-at", "-pk")[:LOOKS])


def history_of(letter: Letter) -> list[Line]:
    """What happened to it, the latest first."""
    # Its tasks are the matter of the list of who has seen it.
    entries = AuditEntry.objects.filter(
        subject_type=services.LETTER,
        subject_key=str(letter.public_id),
        action__startswith="letter.",
    ).exclude(action="letter.looked")
    return people.in_words(entries.order_by("-pk")[:LINES])


class Median(Aggregate):
    """The middle one of numbers."""

    template = "percentile_cont(0.5) WITHIN GROUP (ORDER BY %(expressions)s)%(filter)s"
    output_field = FloatField()


@dataclass(frozen=True)
class Response:
    """How a body's people answered letters of a time: how many, how many in time, and how fast."""

    node: Node
    total: int
    done: int
    in_time: int
    # Seconds from the hand-over to the end, of the middle one of those done.
    median: float | None
    # The same of the period before; None where nothing was to be counted.
    before: Response | None = None

    @property
    def share(self) -> float | None:
        """Of those whose time is over or that are done, how many were done in time."""
        return self.in_time / self.total if self.total else None

    @property
    def went(self) -> str:
        """How it went since the period before by what was done in time: better, worse, or empty."""
        was = self.before.share if self.before else None
        if self.share is None or was is None or round(100 * self.share) == round(100 * was):
            return ""
        return "better" if self.share > was else "worse"


def responses(
    access: Access, *, days: int, now: datetime
) -> tuple[list[Response], Response | None]:
    """How bodies responded to what was handed over in these days, beside as many before; and all together.

    The authority sees each body; a body sees its own, and all together.
    """
    since = now - timedelta(days=days)
    by_node, together = _counted(since, now, now=now)
    earlier, all_before = _counted(since - timedelta(days=days), since, now=now)
    seen = access.nodes_where("people.manage").filter(pk__in=by_node).order_by("position", "pk")
    each = [_response(node, by_node[node.pk], earlier.get(node.pk)) for node in seen]
    root = Node.objects.get(kind=Node.Kind.AUTHORITY)
    return each, _response(root, together, all_before) if together["total"] else None


type Counts = Mapping[str, Any]


def _counted(
    since: datetime, until: datetime, *, now: datetime
) -> tuple[dict[int, Counts], Counts]:
    """What was handed over between these moments and is done or late, by body and all together."""
    figures = {
        "total": Count("pk"),
        "done": Count("pk", filter=Q(item__state=Item.State.DONE)),
        "in_time": Count(
            "pk", filter=Q(item__state=Item.State.DONE, item__ended_at__lte=F("item__due_at"))
        ),
        "median": Median(
            Extract(F("item__ended_at") - F("item__given_at"), "epoch"),
            filter=Q(item__state=Item.State.DONE),
        ),
    }
    with as_worker():
        rows = Recipient.objects.filter(
            is_copy=False, handed_at__gte=since, handed_at__lt=until, item__isnull=False
        ).filter(Q(item__due_at__lt=now) | Q(item__state=Item.State.DONE))
        counted = rows.order_by().values("node").annotate(**figures)
        by_node: dict[int, Counts] = {row["node"]: row for row in counted}
        return by_node, rows.aggregate(**figures)


def _response(node: Node, row: Counts, earlier: Counts | None = None) -> Response:
    before = _response(node, earlier) if earlier and earlier["total"] else None
    return Response(
        node, int(row["total"]), int(row["done"]), int(row["in_time"]), row["median"], before
    )


def lists_of(access: Access) -> QuerySet[AddressList]:
    """Lists of the bodies for which the reader writes, by name."""
    return (
        AddressList.objects.filter(node__lineage__overlap=access.bodies_of("letters.write"))
        .select_related("node")
        .prefetch_related("members")
        .order_by("name", "pk")
    )


def signers_of(node: Node, *, now: datetime) -> list[Member]:
    """Who may sign for a body, by name."""
    staff = list(people.staff_of(node, now=now))
    signing = people.who_may("letters.sign", [(member.pk, node) for member in staff], now=now)
    return [member for member in staff if (member.pk, node.pk) in signing]


def reviewers_of(letter: Letter, *, now: datetime) -> list[Member]:
    """Who may be asked to review a letter, by name."""
    node = letter.node
    staff = [one for one in people.staff_of(node, now=now) if one.pk != letter.author_id]
    pairs = [(member.pk, node) for member in staff]
    allowed = {
        pair
        for permission in services.MAY_REVIEW
        for pair in people.who_may(permission, pairs, now=now)
    }
    return [member for member in staff if (member.pk, node.pk) in allowed]


def reviews_of(letter: Letter) -> list[Review]:
    """What was said of it before it was signed, and by whom it is read now; the latest first."""
    rows = letter.reviews.select_related("reviewer", "item__owner", "item__ended_by")
    return list(
        rows.prefetch_related(
            Prefetch("item__remarks", Remark.objects.select_related("member").order_by("at", "pk"))
        ).order_by("-pk")
    )


def addressable() -> QuerySet[Node]:
    """The bodies that can be written to, in the order of the tree."""
    return Node.objects.order_by("position", "pk")
