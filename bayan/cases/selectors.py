"""Reading cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import (
    Avg,
    BooleanField,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.functions import Coalesce, Floor, NullIf
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.cases.models import (
    Alike,
    Answer,
    Asked,
    Attempt,
    Burst,
    Case,
    CaseQuerySet,
    Closing,
    Forward,
    Heard,
    Reading,
    Related,
    RoutingDecision,
)
from bayan.cases.services.proof import evidence_of, wants_picture
from bayan.cases.services.understanding import thresholds
from bayan.cases.surge.lanes import in_lane
from bayan.cases.surge.models import Surge
from bayan.cases.whole.models import Team, Transfer
from bayan.channels.models import Media
from bayan.core import maps
from bayan.core.models import AuditEntry
from bayan.core.paging import Counts, Cursor, Page, as_page, beginning, counts_of, page_of
from bayan.core.queries import Prepared, Tuples
from bayan.core.references import digits_in
from bayan.core.rls import as_worker
from bayan.inbox.models import Conversation, Message
from bayan.inbox.selectors import Found
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Identity, Member
from bayan.places import selectors as places
from bayan.places.models import Place
from bayan.triage.bursts import STEP
from bayan.work.models import Proof


def latest_of(conversation: Conversation) -> Case | None:
    """The case that a conversation's panel shows: the open one, else the one closed last."""
    return next(iter(_LATEST.rows(conversation.pk, conversation.matter)), None)


def _latest(conversation_id: int, matter: str) -> QuerySet[Case]:
    return (
        Case.objects.filter(conversation=conversation_id)
        .select_related(
            "node",
            "closed_by",
            "conversation",
            "contact",
            "owner",
            "reading",
            "asked",
            "closing__proof",
        )
        # Most cases are nobody else's matter: what `same_matter` would ask in vain is known beforehand.
        .annotate(
            has_reports=Exists(Case.objects.filter(parent=OuterRef("pk"))),
            has_alike=Exists(Alike.objects.filter(case=OuterRef("pk"), is_same=None))
            | Exists(Alike.objects.filter(other=OuterRef("pk"), is_same=None)),
            has_forwards=Exists(Forward.objects.filter(case=OuterRef("pk"))),
            has_links=Exists(
                Related.objects.filter(Q(case=OuterRef("pk")) | Q(other=OuterRef("pk")))
            ),
            has_attempts=Exists(Attempt.objects.filter(case=OuterRef("pk"))),
            has_pictures=Exists(
                Proof.objects.filter(
                    item__subject_type="case", item__subject_key=OuterRef("reference")
                )
            )
            | Exists(
                Message.objects.filter(
                    matter=OuterRef("reference"),
                    direction=Message.Direction.OUT,
                    media__isnull=False,
                )
            ),
            has_decisions=Exists(RoutingDecision.objects.filter(case=OuterRef("pk"))),
            has_transfers=Exists(Transfer.objects.filter(case=OuterRef("pk"))),
        )
        # Of several open ones that which is written about now.
        .alias(is_named=ExpressionWrapper(Q(reference=matter), BooleanField()))
        .order_by(F("closed_at").desc(nulls_first=True), "-is_named", "-opened_at", "-pk")[:1]
    )


_LATEST = Prepared(_latest, int, str)


def timeline_of(case: Case) -> list[AuditEntry]:
    """What happened to a case, oldest first; its messages stand in the conversation beside it."""
    return _TIMELINE.rows(case.reference)


def _timeline(reference: str) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.filter(subject_type="case", subject_key=reference)
    return entries.filter(action__startswith="case.").order_by("pk")


_TIMELINE = Prepared(_timeline, str)


type Words = str | Promise
SENTIMENTS: dict[str, Words] = {
    "negative": pgettext_lazy("sentiment", "negative"),
    "neutral": pgettext_lazy("sentiment", "neutral"),
    "positive": pgettext_lazy("sentiment", "positive"),
}
# What triage said, by the name of the field: its words, and what else the field may be.
READ_FIELDS: dict[str, tuple[Words, dict[str, Words]]] = {
    "kind": (_("Kind"), dict(Case.Kind.choices)),
    "category": (_("Category"), dict(Case.Category.choices)),
    "priority": (_("Priority"), dict(Case.Priority.choices)),
    "sentiment": (_("Sentiment"), SENTIMENTS),
}


@dataclass(frozen=True)
class ReadLabel:
    """One thing that triage said of a case, as the panel shows it."""

    field: str
    name: Words
    said: Words
    # In whole hundredths; None where another model said it, which does not say how sure it is.
    sure: int | None
    words: list[str]
    # Others that are likely, to be chosen instead; none where nobody decides (sentiment).
    others: list[tuple[str, Words]]
    # What stands in the case now, where that is something else.
    now: Words | None


@dataclass(frozen=True)
class Understood:
    """What triage said of a case."""

    labels: list[ReadLabel]
    is_claim: bool
    # It had been passed on many times, which was weighed.
    is_passed_on: bool


def understood(case: Case) -> Understood | None:
    """How the message that opened a case was read; None where it had no words."""
    reading: Reading | None = getattr(case, "reading", None)
    if reading is None:
        return None
    labels = []
    for field, (name, words_of) in READ_FIELDS.items():
        said, sure, words, others = reading.said[field]
        current = getattr(case, field, said)
        is_open = field != "sentiment" and not case.is_closed
        choices = [said, *(label for label, _share in others)] if is_open else []
        labels.append(
            ReadLabel(
                field=field,
                name=name,
                said=words_of[said],
                sure=None if sure is None else round(100 * sure),
                words=words,
                others=[(label, words_of[label]) for label in choices if label != current],
                now=words_of[current] if current and current != said else None,
            )
        )
    return Understood(
        labels=labels,
        is_claim="rumour_claim" in reading.said["signs"],
        is_passed_on="passed_on" in reading.said,
    )


def is_passed_on_often(case: Case) -> bool:
    """Whether something in the case was passed on many times before it came to us: a sign of a rumour."""
    return Message.objects.filter(
        matter=case.reference, forwarded=Message.Forwarded.OFTEN, revoked_at=None
    ).exists()


# What points to a body, with the body's name.
POINTED: dict[str, Words] = {
    Case.PointedBy.WORDS: _("The place points to: %(body)s"),
    Case.PointedBy.EARLIER: _("By where they wrote from before: %(body)s"),
    Case.PointedBy.PIN: _("Their location points to: %(body)s"),
    Case.PointedBy.ANSWER: _("By their answer: %(body)s"),
}


@dataclass(frozen=True)
class Whereabouts:
    """To whom the place of a case at the desk points, and whether its person was asked for it in vain."""

    words: str
    # Which the case may be assigned to; None: an outside body, or nobody.
    municipality: Node | None
    # When they were asked, as long as they have not answered.
    asked_at: datetime | None


def whereabouts(case: Case) -> Whereabouts | None:
    """What the desk needs to know to assign an open case; None where it is assigned or closed."""
    if case.is_closed or not case.node.is_desk:
        return None
    municipality = outside = None
    if case.points_to:
        municipality = Node.objects.municipalities().filter(key=case.points_to).first()
        outside = municipality or OutsideBody.objects.filter(key=case.points_to).first()
    asked: Asked | None = getattr(case, "asked", None)
    return Whereabouts(
        words=str(POINTED[case.points_by]) % {"body": outside.short_name} if outside else "",
        municipality=municipality,
        asked_at=asked.at if asked and asked.answered_at is None and not outside else None,
    )


@dataclass(frozen=True)
class SameMatter:
    """Who else reports what a case is about, and which cases may be about it too."""

    reporters: list[Case]
    more: int
    # Each with how sure, in whole hundredths, and why.
    suggestions: list[tuple[Case, int, str]]

    @property
    def count(self) -> int:
        return len(self.reporters) + self.more


REPORTERS_SHOWN, SUGGESTIONS_SHOWN = 8, 3


def place_meant(words: str, point: tuple[float, float] | None) -> Place | None:
    """The place of the gazetteer where this is: nearest to the pin, else the likeliest of these words."""
    if point:
        [near] = places.nearest([point])
        return near.place if near else None
    found = places.find(words, limit=1)
    return found[0] if found else None


def teams(nodes: Collection[Node]) -> list[Team]:
    """The teams of these bodies, in the order of the tree, by name."""
    rows = Team.objects.filter(node__in=nodes, ended_at=None).select_related("node")
    return list(rows.order_by("node__position", "name_ar"))


def same_matter(case: Case) -> SameMatter:
    """The other cases of a case's matter, the latest first, and those that wait for somebody to decide."""
    root = case.parent_id or case.pk
    rows = (
        Case.objects.filter(Q(parent=root) | Q(pk=root))
        .exclude(pk=case.pk)
        .select_related("contact", "conversation", "node", "follower")
        .order_by(F("parent").asc(nulls_first=True), "-opened_at")
    )
    is_shared = case.parent_id or getattr(case, "has_reports", True)
    reporters = list(rows[:REPORTERS_SHOWN]) if is_shared else []
    count = rows.count() if len(reporters) == REPORTERS_SHOWN else len(reporters)
    asked = Alike.objects.filter(
        Q(case=case) | Q(other=case), is_same=None, case__closed_at=None, other__closed_at=None
    )
    suggestions: list[tuple[Case, int, str]] = []
    if not case.is_closed and getattr(case, "has_alike", True):
        pairs = asked.select_related(
            "case__node", "other__node", "case__conversation", "other__conversation"
        )
        for pair in pairs.order_by("-likeness")[: 2 * SUGGESTIONS_SHOWN]:
            other = pair.other if pair.case_id == case.pk else pair.case
            if root not in {other.pk, other.parent_id}:
                sure, why = round(100 * pair.likeness), pair.get_reason_display()
                suggestions.append((other, sure, why))
    return SameMatter(reporters, count - len(reporters), suggestions[:SUGGESTIONS_SHOWN])


# A link as it reads from its other end.
TURNED: dict[str, Words] = {
    Related.Kind.RELATED: pgettext_lazy("cases", "related to"),
    Related.Kind.CAUSED_BY: pgettext_lazy("cases", "the cause of"),
    Related.Kind.PART_OF: pgettext_lazy("cases", "an incident with"),
}


def links_of(case: Case) -> list[tuple[Words, Case]]:
    """The cases with which a case has to do, each with how, the latest link first."""
    if not getattr(case, "has_links", True):
        return []
    rows = Related.objects.filter(Q(case=case) | Q(other=case)).select_related(
        "case__conversation", "other__conversation"
    )
    return [
        (row.get_kind_display(), row.other)
        if row.case_id == case.pk
        else (TURNED[row.kind], row.case)
        for row in rows.order_by("-pk")
    ]


@dataclass(frozen=True)
class ClosingFacts:
    """What a case closes with, or has closed with."""

    # Whether "put right" wants a picture here, and those that are there.
    wants_picture: bool
    pictures: list[Media]
    attempts: list[Attempt]
    closing: Closing | None


def closing_facts(case: Case, *, may_close: bool) -> ClosingFacts:
    """What a case needs to close, for whoever may close it, or rests on where it is closed."""
    wants = may_close and not case.is_closed and wants_picture(case, Case.Outcome.RESOLVED)
    is_tried = getattr(case, "has_attempts", True)
    looks = wants and getattr(case, "has_pictures", True)
    attempts = case.attempts.select_related("by").order_by("-at") if is_tried else []
    return ClosingFacts(
        wants_picture=wants,
        pictures=[one.media for one in evidence_of([case])[case.pk]][:8] if looks else [],
        attempts=list(attempts),
        closing=getattr(case, "closing", None),
    )


def proof_of(case: Case, media_id: UUID) -> Media | None:
    """A picture of this id on which the case's closing may rest, or rests."""
    # A contractor's came in by a body's chat that the reader may not see; the case they see.
    with as_worker():
        closing = Closing.objects.filter(case=case).select_related("proof").first()
        there = [one.media for one in evidence_of([case])[case.pk]]
    if closing and closing.proof:
        there.append(closing.proof)
    return next((media for media in there if media.public_id == media_id), None)


def reported_before(case: Case) -> Case | None:
    """The case near by that is likely about the same, where one was found when this one was opened."""
    pair = Alike.objects.filter(case=case, reason=Alike.Reason.NEAR).select_related("other").first()
    return pair.other if pair else None


# A burst that nobody has marked as seen stands on the first page for so long.
FRESH = timedelta(hours=12)
# What is written of the same so long after it was noticed belongs to it too.
GOES_ON = timedelta(minutes=30)
BURSTS_SHOWN, FRESH_SHOWN = 50, 2


@dataclass(frozen=True)
class ShownBurst:
    """A burst with its names, and the first messages of it that the reader may see."""

    burst: Burst
    names: list[str]
    messages: list[Message]
    # What narrows the list of cases to it.
    query: str

    @property
    def usual(self) -> int:
        """How many messages are usual in as long a time."""
        return round(self.burst.baseline)

    @property
    def seconds(self) -> int:
        """How long `volume` took, in whole steps of counting."""
        lasted = (self.burst.detected_at - self.burst.started_at).total_seconds()
        step = STEP.total_seconds()
        return int(step * max(1, -(-lasted // step)))

    @property
    def warning(self) -> str:
        """What one writes to the officer on duty: no citizen's words, they may leave the house."""
        return _("Bayan: a burst of messages. %(about)s: %(count)s, where %(usual)s is usual.") % {
            "about": _(", ").join(self.names) or _("Messages of all kinds"),
            "count": self.burst.volume,
            "usual": self.usual,
        }


def bursts(
    *, now: datetime, fresh: bool = False, of: QuerySet[Burst] | None = None
) -> list[ShownBurst]:
    """The latest bursts (`of` these); `fresh`: only those of the last hours that nobody has seen."""
    if fresh and of is None:
        found = _FRESH_BURSTS.rows(now - FRESH)
    else:
        rows = _bursts(Burst.objects.all() if of is None else of)
        if fresh:
            rows = rows.filter(seen_at=None, told_at__gt=now - FRESH)
        found = list(rows[: FRESH_SHOWN if fresh else BURSTS_SHOWN])
    if not found:
        return []
    names = _names_of(found)
    first = {name for burst in found for name in burst.examples}
    texts = {
        message.external_id: message
        for message in Message.objects.filter(
            external_id__in=first, direction=Message.Direction.IN
        ).select_related("conversation")
    }
    return [
        ShownBurst(
            burst,
            list(dict.fromkeys(names[key] for _kind, key in burst.about if key in names)),
            [texts[name] for name in burst.examples if name in texts][:3],
            _query_of(burst),
        )
        for burst in found
    ]


def _bursts(rows: QuerySet[Burst]) -> QuerySet[Burst]:
    return rows.select_related("node", "seen_by").order_by("-told_at", "-pk")


_FRESH_BURSTS = Prepared(
    lambda since: _bursts(Burst.objects.all()).filter(seen_at=None, told_at__gt=since)[
        :FRESH_SHOWN
    ],
    datetime,
)


def burst_in_words(burst: Burst) -> str:
    """What a burst is about, in one line for members."""
    names = _names_of([burst])
    about = list(dict.fromkeys(names[key] for _kind, key in burst.about if key in names))
    return _("A burst of messages: %(about)s") % {
        "about": _(", ").join(about) or _("Messages of all kinds")
    }


def _names_of(bursts: Sequence[Burst]) -> dict[str, str]:
    keys = {key for burst in bursts for kind, key in burst.about if kind != "category"}
    names = {place.key: place.name for place in places.of_keys(keys)}
    names |= {node.key: node.short_name for node in Node.objects.filter(key__in=keys)}
    return names | {value: str(words).capitalize() for value, words in Case.Category.choices}


def cases_of(burst: Burst) -> CaseQuerySet:
    """The cases of the messages that the burst is made of, as far as the reader may see them."""
    # The counts belong to no body; who wrote what, each member sees for themselves.
    with as_worker():
        heard = list(
            Heard.objects.filter(
                at__gte=burst.started_at,
                at__lte=burst.detected_at + GOES_ON,
                about__contains=[pair for pair in burst.about if pair[0] != "all"],
            ).values_list("external_id", flat=True)
        )
    messages = Message.objects.filter(direction=Message.Direction.IN, external_id__in=heard)
    return Case.objects.filter(reference__in=messages.values("matter"))


def _query_of(burst: Burst) -> str:
    # Not by body: what came in just now still stands at the desk.
    category = dict(reversed(burst.about)).get("category")
    return urlencode({"state": "open"} | ({"category": category} if category else {}))


FORWARD_VIEWS = ("waiting", "created", "joined", "noted", "all")
FORWARDS_SHOWN = 30
PICTURES_SHOWN = 4


@dataclass(frozen=True)
class ShownForward:
    """What a member passed on, with what was made of it, and those of its files that the reader may see."""

    forward: Forward
    pictures: list[Media]
    # The kinds of its other messages that are no text.
    kinds: list[str]
    more: int

    @property
    def labels(self) -> list[Words]:
        """What triage was sure enough of."""
        said = self.forward.said
        return [
            READ_FIELDS[field][1][said[field][0]]
            for field in ("kind", "category")
            if field in said
            and said[field][0] != "other"
            and thresholds().is_sure(field, said[field][0], said[field][1])
        ]


def page_of_forwards(
    view: str, words: str, *, after: Cursor | None = None
) -> tuple[list[ShownForward], Cursor | None]:
    """What members passed on, the latest first: of one state, or all; with these words or case number."""
    rows = _forwards(words)
    if view != "all":
        rows = rows.filter(state=view)
    page = page_of(rows, newest="received_at", after=after, limit=FORWARDS_SHOWN)
    return shown_forwards(page.rows), page.next_cursor


def counts_of_forwards(words: str) -> dict[str, int]:
    """How many each view holds, counted up to `paging.COUNTED_TO`."""
    rows = _forwards(words)
    views = {view: rows if view == "all" else rows.filter(state=view) for view in FORWARD_VIEWS}
    return counts_of(views)


def _forwards(words: str) -> QuerySet[Forward]:
    rows = Forward.objects.select_related(
        "member", "node", "case__conversation", "likeliest__conversation"
    )
    digits = digits_in(words)
    for word in words.split():
        named = Q(member__name_ar__icontains=word) | Q(member__name_en__icontains=word)
        if digits:
            named |= Q(case__reference__startswith=digits)
        rows = rows.filter(Q(text__icontains=word) | named)
    return rows


def shown_forwards(forwards: list[Forward]) -> list[ShownForward]:
    """These with their files and labels, as a page shows them; in two statements."""
    keys = {key for forward in forwards for key in forward.messages}
    messages = Message.objects.filter(pk__in=keys).exclude(kind="text").select_related("media")
    known = {message.pk: message for message in messages} if keys else {}
    shown = []
    for forward in forwards:
        rows = [known[key] for key in forward.messages if key in known]
        pictures = [
            row.media
            for row in rows
            if row.media and row.kind == "image" and row.media.state == Media.State.STORED
        ]
        others = [row.kind for row in rows if row.media not in pictures]
        more = max(0, len(pictures) - PICTURES_SHOWN)
        shown.append(
            ShownForward(forward, pictures[:PICTURES_SHOWN], list(dict.fromkeys(others)), more)
        )
    return shown


def forwards_of(case: Case) -> list[Forward]:
    """What members passed on that is part of a case, the first one first."""
    if not getattr(case, "has_forwards", True):
        return []
    return list(case.forwards.select_related("member").order_by("received_at", "pk"))


@dataclass(frozen=True)
class Statement:
    """What the public was told: an answer to everybody ("answer"), or the statement of a surge ("surge")."""

    kind: str
    words: str
    at: datetime


def statements(node: Node | None, *, most: int) -> list[Statement]:
    """What the public was told by a body, or by all that the reader sees, the latest first; in one statement.

    A surge's statement holds for all bodies below it.
    """
    answers = Answer.objects.exclude(started_at=None).exclude(state=Answer.State.TAKEN_BACK)
    surges = Surge.objects.exclude(statement="", statement_link="")
    if node:
        answers = answers.filter(node=node)
        surges = surges.filter(node__in=node.lineage)
    rows = _said(answers, "answer", "text", "template__name", "started_at").union(
        _said(surges, "surge", "statement", "statement_link", "begun_at"), all=True
    )
    return [Statement(*row) for row in rows.order_by("-told_at")[:most]]


def in_surge(node: Node) -> bool:
    """Whether a surge is on in this body or above it."""
    return Surge.objects.on().filter(node__in=node.lineage).exists()


def _said(rows: QuerySet[Any], kind: str, words: str, or_else: str, at: str) -> QuerySet[Any, Any]:
    said = Coalesce(
        NullIf(words, Value("", TextField())), F(or_else), Value(""), output_field=TextField()
    )
    named: QuerySet[Any] = rows.order_by().annotate(
        what=Value(kind, output_field=CharField()), said=said, told_at=F(at)
    )
    found: QuerySet[Any, Any] = named.values_list("what", "said", "told_at")
    return found


VIEWS = ("open", "mine", "late", "waits", "closed", "all")
PAGE = 50
WAITS = (Case.Stage.WAITS_FOR_PERSON, Case.Stage.WAITS_FOR_BODY)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which cases a list, a board or a map shows."""

    view: str = "open"
    words: str = ""
    body: str = ""
    kind: str = ""
    category: str = ""
    priority: str = ""
    stage: str = ""
    # A member's id, or "none".
    owner: str = ""
    # Of a surge (surge.lanes).
    lane: str = ""

    @property
    def is_by_due(self) -> bool:
        """What is open is worked on: what is about to be late comes first. The rest is read: newest first."""
        return self.view not in {"closed", "all"}


def cases(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> CaseQuerySet:
    """The cases that these filters let through, in no order; `found` is what the words found."""
    return _view(_base(filters, found), filters.view, member_id=member.pk, now=now)


def _base(filters: Filters, found: Found | None) -> CaseQuerySet:
    rows: CaseQuerySet = Case.objects.all()
    if filters.body:
        # As one value that is read first: joined, it would be met row by row.
        rows = rows.filter(node=Subquery(Node.objects.filter(key=filters.body).values("pk")[:1]))
    for name in ("kind", "category", "priority", "stage"):
        if value := getattr(filters, name):
            rows = rows.filter(**{name: value})
    if filters.owner == "none":
        rows = rows.filter(owner=None)
    elif filters.owner:
        rows = rows.filter(owner__public_id=filters.owner)
    if filters.lane:
        rows = in_lane(rows, filters.lane)
    if found is not None:
        rows = rows.filter(
            Q(contact__any_of=found.contacts)
            | Q(reference__any_of=found.matters)
            | _numbered(filters.words)
        )
    return rows


def _numbered(words: str) -> Q:
    """The number of the case, here or in the systems beside us, or its beginning."""
    digits = digits_in(words)
    if not digits or any(character.isalpha() for character in words):
        return Q(pk__in=[])
    found = Q(balady_number=digits) | Q(transaction_number=digits)
    # As others write theirs: 940-2611-58213.
    found |= Q(balady_number=words.strip()) | Q(transaction_number=words.strip())
    # As a range: under row-level security an index answers comparisons, but not LIKE.
    return found | Q(reference__gte=digits, reference__lt=digits[:-1] + chr(ord(digits[-1]) + 1))


def _view(rows: CaseQuerySet, view: str, *, member_id: int, now: datetime) -> CaseQuerySet:
    every = Case.objects
    narrowed = {
        "open": every.open,
        "mine": lambda: every.open().filter(owner=member_id),
        "late": lambda: every.late(now=now),
        "waits": lambda: every.open().filter(stage__in=WAITS),
        "closed": every.closed,
    }.get(view)
    return rows & narrowed() if narrowed else rows


def with_reports(rows: CaseQuerySet) -> CaseQuerySet:
    """These cases with how many further people report the matter of each, as `reports`."""
    others = Case.objects.filter(parent=OuterRef("pk")).order_by().values("parent")
    count = Subquery(others.annotate(count=Count("pk")).values("count"))
    return rows.annotate(reports=Coalesce(count, 0))


def shown(rows: CaseQuerySet) -> CaseQuerySet:
    """These cases with all that a row shows of them."""
    return rows.select_related("node", "contact", "conversation", "owner")


def page_of_cases(
    filters: Filters,
    *,
    member: Member,
    now: datetime,
    found: Found | None = None,
    after: Cursor | None = None,
) -> Page[Case]:
    """These cases with all that a row shows: open ones as they are due, others the newest first."""
    order = _order(filters)
    if _is_whole_view(filters, found) and after is None:
        first = _first_page(filters.view).rows(member.pk, now)
        return as_page(first, next(iter(order.values())), PAGE)
    if (narrowed := _narrowed_by(filters, found)) and after is None:
        prepared = _first_narrowed(filters.view, tuple(narrowed))
        rows_found = prepared.rows(member.pk, now, *narrowed.values())
        return as_page(rows_found, next(iter(order.values())), PAGE)
    rows = with_reports(shown(cases(filters, member=member, now=now, found=found)))
    return page_of(rows, **order, after=after, limit=PAGE)


def _order(filters: Filters) -> dict[str, str]:
    return {"oldest": "due_at"} if filters.is_by_due else {"newest": "opened_at"}


# As many as a first page shows.
MOST_FIRST = 6


def due_first(*, but_for_colleagues_of: Member | None = None) -> list[Case]:
    """The first `MOST_FIRST` open cases as they are due; without what this member's colleagues handle."""
    if but_for_colleagues_of is None:
        return _DUE_FIRST.rows()
    return _OWN_DUE_FIRST.rows(but_for_colleagues_of.pk)


def _soonest_due(rows: CaseQuerySet) -> QuerySet[Case]:
    return shown(rows).order_by("due_at", "pk")[:MOST_FIRST]


_DUE_FIRST = Prepared(lambda: _soonest_due(Case.objects.open()))
_OWN_DUE_FIRST = Prepared(
    lambda member: _soonest_due(Case.objects.open().filter(Q(owner=member) | Q(owner=None))), int
)


@cache
def _first_page(view: str) -> Prepared[Case]:
    def build(member_id: int, now: datetime) -> QuerySet[Case]:
        rows = _view(Case.objects.all(), view, member_id=member_id, now=now)
        return beginning(with_reports(shown(rows)), **_order(Filters(view=view)), limit=PAGE)

    return Prepared(build, int, datetime)


def _narrowed_by(filters: Filters, found: Found | None) -> dict[str, str]:
    """By what these filters narrow a view, where their SQL is known by that; nothing otherwise."""
    if found is not None or filters.owner or filters.lane:
        return {}
    return {name: value for name in NARROWING if (value := getattr(filters, name))}


NARROWING = ("body", "kind", "category", "priority", "stage")


@cache
def _first_narrowed(view: str, names: tuple[str, ...]) -> Prepared[Case]:
    def build(member_id: int, now: datetime, *values: str) -> QuerySet[Case]:
        filters = Filters(view=view, **dict(zip(names, values, strict=True)))
        rows = _view(_base(filters, None), view, member_id=member_id, now=now)
        return beginning(with_reports(shown(rows)), **_order(filters), limit=PAGE)

    return Prepared(build, int, datetime, *(str for _ in names), keeps_plan=False)


@cache
def _counts_narrowed(names: tuple[str, ...]) -> Counts:
    def build(member_id: int, now: datetime, *values: str) -> dict[str, CaseQuerySet]:
        filters = Filters(view="", **dict(zip(names, values, strict=True)))
        return _views(_base(filters, None), member_id, now)

    return Counts(build, int, datetime, *(str for _ in names), keeps_plan=False)


# What board and map show as long as nothing narrows it.
ALL_OPEN = Filters(view="open")
CARDS = 30
OPEN_STAGES = tuple(stage for stage in Case.Stage if stage != Case.Stage.CLOSED)


@dataclass(frozen=True)
class Column:
    """One stage of the board: its first cases, and how many there are (up to `paging.COUNTED_TO`)."""

    stage: Case.Stage
    cases: list[Case]
    count: int


def columns_of(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> list[Column]:
    """These open cases by stage, each column as they are due; the first `CARDS` of each."""
    if found is None and filters == ALL_OPEN:
        numbers, cards = _STAGES.of(), _CARDS_OF_ALL.rows()
    else:
        rows = cases(filters, member=member, now=now, found=found)
        numbers, cards = counts_of(_by_stage(rows)), list(_cards(rows))
    columns: dict[str, list[Case]] = {stage: [] for stage in OPEN_STAGES}
    for case in cards:
        columns[case.stage].append(case)
    return [Column(stage, columns[stage], numbers[stage]) for stage in OPEN_STAGES]


def _by_stage(rows: CaseQuerySet) -> dict[str, CaseQuerySet]:
    return {str(stage): rows.filter(stage=stage) for stage in OPEN_STAGES}


def _cards(rows: CaseQuerySet) -> CaseQuerySet:
    """The first cards of all columns in one statement: each its own ordered, limited part."""
    keys = [part.order_by("due_at", "pk").values("pk")[:CARDS] for part in _by_stage(rows).values()]
    first = keys[0].union(*keys[1:], all=True)
    return shown(Case.objects.filter(pk__in=first)).order_by("due_at", "pk")


_STAGES = Counts(lambda: _by_stage(Case.objects.open()))
_CARDS_OF_ALL = Prepared(lambda: _cards(Case.objects.open()))


# A hundredth of a degree is about a kilometre: closer together than that, cases are one spot.
SPOTS = 100.0
MOST_SPOTS = 600


@dataclass(frozen=True)
class Spot:
    """Cases close together on the map."""

    latitude: float
    longitude: float
    count: int
    late: int


def spots(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> list[Spot]:
    """Where these cases are, gathered by the kilometre; the spots with most cases, if there are too many."""
    if found is None and filters == ALL_OPEN:
        rows = _SPOTS_OF_ALL.rows(now)
    else:
        rows = list(_spots(cases(filters, member=member, now=now, found=found), now))
    # Drawn in this order: what is late covers what is not.
    return sorted((Spot(*row) for row in rows), key=lambda spot: bool(spot.late))


def _spots(rows: CaseQuerySet, now: datetime) -> QuerySet[Any, Any]:
    found: QuerySet[Any, Any] = (
        rows.exclude(latitude=None)
        .annotate(
            near_latitude=Floor(F("latitude") * SPOTS), near_longitude=Floor(F("longitude") * SPOTS)
        )
        .values("near_latitude", "near_longitude")
        .annotate(
            at_latitude=Avg("latitude"),
            at_longitude=Avg("longitude"),
            number=Count("pk"),
            late=Count("pk", filter=Q(due_at__lt=now) & ~Q(stage=Case.Stage.WAITS_FOR_PERSON)),
        )
        .order_by("-number", "near_latitude", "near_longitude")
        .values_list("at_latitude", "at_longitude", "number", "late")[:MOST_SPOTS]
    )
    return found


_SPOTS_OF_ALL = Tuples(lambda now: _spots(Case.objects.open(), now), datetime)


@cache
def borders() -> str:
    """The municipalities' approximate outlines as one path on the region's map; read once a process."""
    outlines = places.municipality_outlines()
    return maps.path_of(ring for rings in outlines.values() for ring in rings)


def soonest_placed(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> list[Case]:
    """The cases beside the map: of those that have a place, the ones due first."""
    if found is None and filters == ALL_OPEN:
        return _SOONEST_OF_ALL.rows()
    return list(_soonest(cases(filters, member=member, now=now, found=found)))


def _soonest(rows: CaseQuerySet) -> CaseQuerySet:
    return shown(rows.exclude(latitude=None)).order_by("due_at", "pk")[:PAGE]


_SOONEST_OF_ALL = Prepared(lambda: _soonest(Case.objects.open()))


def written(rows: CaseQuerySet, *, after: int) -> list[tuple[int, list[str]]]:
    """The next five hundred of these cases after a key, as lines of a table."""

    def moment(value: datetime | None) -> str:
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""

    page = shown(rows.filter(pk__gt=after)).select_related("closing").order_by("pk")[:500]
    return [
        (
            case.pk,
            [
                case.reference, case.subject, case.contact.name, case.node.name,
                case.get_kind_display(), case.get_category_display(), case.get_priority_display(),
                case.get_stage_display(), case.owner.name if case.owner else "",
                moment(case.opened_at), moment(case.due_at), moment(case.closed_at),
                case.get_outcome_display(), case.get_satisfaction_display() or "", case.place,
                case.balady_number, case.transaction_number, _shown_by(case),
            ],
        )
        for case in page
    ]  # fmt: skip


def _shown_by(case: Case) -> str:
    closing: Closing | None = getattr(case, "closing", None)
    if closing is None or case.closed_at is None:
        return ""
    if closing.proof_id:
        return str(_("A picture"))
    return ": ".join(filter(None, [str(closing.get_excuse_display()), closing.words]))


def counts(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> dict[str, int]:
    """How many cases each view holds under these filters, counted up to `paging.COUNTED_TO`."""
    if _is_whole_view(filters, found):
        return _COUNTS.of(member.pk, now)
    if narrowed := _narrowed_by(filters, found):
        return _counts_narrowed(tuple(narrowed)).of(member.pk, now, *narrowed.values())
    return counts_of(_views(_base(filters, found), member.pk, now))


def _views(rows: CaseQuerySet, member_id: int, now: datetime) -> dict[str, CaseQuerySet]:
    return {view: _view(rows, view, member_id=member_id, now=now) for view in VIEWS}


def _is_whole_view(filters: Filters, found: Found | None) -> bool:
    """True when nothing narrows what the view holds."""
    return found is None and replace(filters, view="") == EVERYTHING


EVERYTHING = Filters(view="")
_COUNTS = Counts(lambda member_id, now: _views(Case.objects.all(), member_id, now), int, datetime)


def earlier_cases(conversation: Conversation, *, but: Case | None) -> list[Case]:
    """The contact's other cases that the reader may see, newest first."""
    return _EARLIER.rows(conversation.contact_id, but.pk if but else 0)


_EARLIER = Prepared(
    lambda contact, but: (
        Case.objects.filter(contact=contact)
        .exclude(pk=but)
        .select_related("node", "conversation")
        .order_by("-opened_at", "-pk")[:5]
    ),
    int, int,
)  # fmt: skip


def phone_of(conversation: Conversation) -> str:
    """The contact's mobile, or nothing where they hide it."""
    found = _PHONE.rows(conversation.contact_id)
    return str(found[0][0]) if found else ""


_PHONE = Tuples(
    lambda contact: (
        Identity.objects.filter(contact=contact, scheme=Identity.Scheme.PHONE)
        .order_by("pk")
        .values_list("value")[:1]
    ),
    int,
)
