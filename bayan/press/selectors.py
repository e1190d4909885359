"""Reading stories, journalists and what was sent to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from urllib.parse import urlencode

from django.db.models import Count, Prefetch, Q, QuerySet

from bayan.channels.models import Media
from bayan.core.arabic import fold
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, Page, counts_of, page_of
from bayan.core.references import digits_in
from bayan.core.views import day_in, midnight
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member, Role
from bayan.people.permissions import ALLOWED, Access
from bayan.people.selectors import Line
from bayan.press.models import (
    Approval,
    Copy,
    Journalist,
    PressList,
    Release,
    Story,
    StoryFile,
    StoryQuerySet,
)
from bayan.work import services as work
from bayan.work.models import Item

SHOWN, MOST = 50, 100
ANSWERS_FOR = timedelta(days=7)
VIEWS = ("desk", "mine", "returned", "accepted", "sent", "all")
State = Story.State


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which stories a list shows."""

    view: str = "desk"
    words: str = ""
    body: str = ""
    state: str = ""
    # When its last step was.
    since: date | None = None
    until: date | None = None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.body or self.state or self.since or self.until)

    @property
    def query(self) -> str:
        """The same, but for the view, as it stands in an address."""
        given = {
            "q": self.words, "body": self.body, "state": self.state,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }  # fmt: skip
        return urlencode({name: value for name, value in given.items() if value})


def filters_in(given: Mapping[str, str]) -> Filters:
    """What an address asks for; what cannot be meant is left out."""
    view, state = given.get("view", "desk"), given.get("state", "")
    return Filters(
        view=view if view in VIEWS else "desk",
        words=given.get("q", "").strip()[:100],
        body=given.get("body", "")[:40],
        state=state if state in State.values else "",
        since=day_in(given.get("since", "")),
        until=day_in(given.get("until", "")),
    )


def _narrowed(filters: Filters) -> StoryQuerySet:
    rows = Story.objects.all()
    if filters.body:
        rows = rows.filter(node__key=filters.body)
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.since:
        rows = rows.filter(changed_at__gte=midnight(filters.since))
    if filters.until:
        rows = rows.filter(changed_at__lt=midnight(filters.until + timedelta(days=1)))
    digits = digits_in(filters.words)
    for word in filters.words.split():
        named = Q(title__icontains=word) | Q(edited_title__icontains=word) | Q(text__icontains=word)
        # Who sent or edited it.
        for who, name in product(("sender", "editor"), ("name_ar", "name_en")):
            named |= Q(**{f"{who}__{name}__icontains": word})
        if digits:
            named |= Q(reference__startswith=digits)
        rows = rows.filter(named)
    return rows


def _views(rows: StoryQuerySet, member: Member) -> dict[str, QuerySet[Story]]:
    at_desk = Q(state=State.SUBMITTED) | Q(state=State.IN_REVIEW)
    return {
        "desk": rows.filter(at_desk),
        "mine": rows.unfinished().filter(Q(editor=member) | Q(sender=member)),
        "returned": rows.filter(Q(state=State.RETURNED) | Q(state=State.DRAFT)),
        "accepted": rows.filter(state=State.ACCEPTED),
        "sent": rows.filter(Q(state=State.SENT) | Q(state=State.PUBLISHED)),
        "all": rows,
    }


def page_of_stories(filters: Filters, *, member: Member, after: Cursor | None) -> Page[Story]:
    """The stories of one view, the latest step first, with all that a row shows."""
    rows = _views(_narrowed(filters), member)[filters.view]
    return page_of(
        rows.select_related("node", "sender", "editor").annotate(
            files_count=Count("files", filter=Q(files__twin=None))
        ),
        newest="changed_at",
        after=after,
        limit=SHOWN,
    )


def counts(filters: Filters, *, member: Member) -> dict[str, int]:
    """How many stories each view holds."""
    return counts_of(_views(_narrowed(filters), member))


def shown(rows: QuerySet[Story]) -> QuerySet[Story]:
    """With all that a page of one story shows."""
    return rows.select_related("node", "sender", "editor")


def files_of(story: Story) -> list[StoryFile]:
    """Its files in their order; a copy of another one does not count and stands at the end."""
    files = list(story.files.select_related("media", "twin").order_by("position", "sent_at", "pk"))
    return sorted(files, key=lambda file: file.twin_id is not None)


def small_pictures(files: Sequence[StoryFile]) -> list[StoryFile]:
    """Those of them that a page can show as a small picture."""
    return [f for f in files if f.kind == "image" and f.media.state == Media.State.STORED]


def history_of(story: Story) -> list[Line]:
    """What happened to a story, the newest first."""
    return people.in_words(
        AuditEntry.objects.filter(subject_type="story", subject_key=str(story.public_id)).order_by(
            "-pk"
        )[:MOST]
    )


def _holders(permission: str, *, now: datetime) -> list[Member]:
    kinds = [kind for kind, allowed in ALLOWED.items() if permission in allowed]
    roles = Role.objects.current(now=now).filter(kind__in=kinds, node=organisation.desk())
    members = Member.objects.filter(pk__in=roles.values("member"), is_active=True)
    return sorted(members, key=lambda member: fold(member.name))


def editors(*, now: datetime) -> list[Member]:
    """Who works at the editors' desk, by name."""
    return _holders("press.edit", now=now)


def approvers(*, now: datetime) -> list[Member]:
    """Who may approve what the authority publishes, by name."""
    return _holders("press.approve", now=now)


# Journalists


def journalists(words: str, *, of: str = "") -> QuerySet[Journalist]:
    """The register by name; with words, who or whose outlet or beat has them; `of` is a list."""
    rows = Journalist.objects.current().select_related("outlet").prefetch_related(
        Prefetch("lists", PressList.objects.order_by("name"))
    )  # fmt: skip
    if of:
        rows = rows.filter(lists__public_id=of)
    digits = digits_in(words)
    for word in words.split():
        named = Q(name__icontains=word) | Q(outlet__name__icontains=word) | Q(beat__icontains=word)
        if len(digits) > 3:
            named |= Q(phone__contains=digits.lstrip("0"))
        rows = rows.filter(named)
    return rows.order_by("name", "pk")


def lists() -> QuerySet[PressList]:
    """All lists by name, with how many stand on each."""
    return PressList.objects.annotate(
        count=Count("journalists", filter=Q(journalists__ended_at=None))
    ).order_by("name")


def approval_for(story: Story, version: str, access: Access, *, now: datetime) -> Approval | None:
    """The approval of this version that this member may give on the story's page; None: there is none."""
    asked = story.approvals.filter(
        state=Approval.State.ASKED, version=version, item__state=Item.State.OPEN
    ).select_related("item__node", "item__given_from")
    if has_approved(story, version, access.member):
        return None
    may = [one for one in asked if one.item and work.may_act(one.item, access, now=now)]
    # Their own before those of whom they stand in for.
    return min(may, key=lambda one: one.approver_id != access.member.pk, default=None)


def has_approved(story: Story, version: str, member: Member) -> bool:
    """Whether this member gave an approval of this version already, for whomever."""
    given = story.approvals.filter(version=version, state=Approval.State.GIVEN)
    return given.filter(item__ended_by=member).exists()


# What was sent


@dataclass(frozen=True)
class Progress:
    """How far a sending is: so many copies in each state."""

    states: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.states.values()) - self.left_out

    @property
    def left_out(self) -> int:
        return self.states.get("left_out", 0)

    @property
    def waiting(self) -> int:
        return sum(self.states.get(one, 0) for one in ("waiting", "held", "queued", "sending"))

    @property
    def delivered(self) -> int:
        return self.states.get("delivered", 0) + self.read

    @property
    def read(self) -> int:
        return self.states.get("read", 0)

    @property
    def failed(self) -> int:
        return self.states.get("failed", 0) + self.states.get("uncertain", 0)

    @property
    def done(self) -> int:
        return self.total - self.waiting


def copies_of(release: Release) -> list[Copy]:
    """Every journalist of a sending, with what became of their message and what they opened."""
    return list(
        release.copies.select_related("journalist__outlet", "outgoing", "failed").order_by(
            "journalist__name", "pk"
        )
    )


def answers_of(release: Release) -> list[Message]:
    """What those who got it wrote in the week after, by whichever way, the latest first."""
    since = release.started_at
    return list(
        Message.objects.filter(
            conversation__contact__in=release.copies.filter(contact__isnull=False).values(
                "contact"
            ),
            direction=Message.Direction.IN,
            received_at__gte=since,
            received_at__lt=since + ANSWERS_FOR,
            revoked_at=None,
        )
        .select_related("conversation__contact", "number__account", "media")
        .order_by("-received_at", "-pk")[:MOST]
    )


def progress_of(copies: Sequence[Copy]) -> Progress:
    """How far these are."""
    return Progress(dict(Counter(state_of(copy) for copy in copies)))


def state_of(copy: Copy) -> str:
    """One word for where a copy is: its message's state, once it has one."""
    if copy.state == Copy.State.QUEUED and copy.outgoing is not None:
        return copy.outgoing.state
    return copy.state
