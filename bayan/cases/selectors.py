"""Reading cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from django.db.models import Avg, Count, F, Q, QuerySet, Subquery
from django.db.models.functions import Floor
from django.utils import timezone

from bayan.cases.models import Case, CaseQuerySet
from bayan.core import maps
from bayan.core.models import AuditEntry
from bayan.core.paging import Counts, Cursor, Page, as_page, beginning, counts_of, page_of
from bayan.core.queries import Prepared
from bayan.core.references import digits_in
from bayan.inbox.models import Conversation
from bayan.inbox.selectors import Found
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.places import selectors as places


def latest_of(conversation: Conversation) -> Case | None:
    """The case that a conversation's panel shows: the open one, else the one closed last."""
    return (
        Case.objects.filter(conversation=conversation)
        .select_related("node", "closed_by", "conversation", "contact", "owner")
        .order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk")
        .first()
    )


def timeline_of(case: Case) -> list[AuditEntry]:
    """What happened to a case, oldest first; its messages stand in the conversation beside it."""
    entries = AuditEntry.objects.filter(subject_type="case", subject_key=case.reference)
    return list(entries.filter(action__startswith="case.").order_by("pk"))


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
    rows = shown(cases(filters, member=member, now=now, found=found))
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
        return beginning(shown(rows), **_order(Filters(view=view)), limit=PAGE)

    return Prepared(build, int, datetime)


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


def spots_of(rows: CaseQuerySet, *, now: datetime) -> list[Spot]:
    """Where these cases are, gathered by the kilometre; the spots with most cases, if there are too many."""
    found = (
        rows.exclude(latitude=None)
        .annotate(
            near_latitude=Floor(F("latitude") * SPOTS), near_longitude=Floor(F("longitude") * SPOTS)
        )
        .values("near_latitude", "near_longitude")
        .annotate(
            at_latitude=Avg("latitude"),
            at_longitude=Avg("longitude"),
            number=Count("pk"),
            late=Count("pk", filter=Q(due_at__lt=now)),
        )
        .order_by("-number", "near_latitude", "near_longitude")[:MOST_SPOTS]
    )
    spots = [
        Spot(row["at_latitude"], row["at_longitude"], row["number"], row["late"]) for row in found
    ]
    # Drawn in this order: what is late covers what is not.
    return sorted(spots, key=lambda spot: bool(spot.late))


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

    page = shown(rows.filter(pk__gt=after)).order_by("pk")[:500]
    return [
        (
            case.pk,
            [
                case.reference, case.subject, case.contact.name, case.node.name,
                case.get_kind_display(), case.get_category_display(), case.get_priority_display(),
                case.get_stage_display(), case.owner.name if case.owner else "",
                moment(case.opened_at), moment(case.due_at), moment(case.closed_at),
                case.get_outcome_display(), case.get_satisfaction_display() or "", case.place,
                case.balady_number, case.transaction_number,
            ],
        )
        for case in page
    ]  # fmt: skip


def counts(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> dict[str, int]:
    """How many cases each view holds under these filters, counted up to `paging.COUNTED_TO`."""
    if _is_whole_view(filters, found):
        return _COUNTS.of(member.pk, now)
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
    rows = Case.objects.filter(contact=conversation.contact).select_related("node", "conversation")
    if but:
        rows = rows.exclude(pk=but.pk)
    return list(rows.order_by("-opened_at", "-pk")[:5])


def phone_of(conversation: Conversation) -> str:
    """The contact's mobile, or nothing where they hide it."""
    return (
        conversation.contact.identities.filter(scheme="phone")
        .values_list("value", flat=True)
        .first()
        or ""
    )
