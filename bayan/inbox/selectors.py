"""Reading conversations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from django.db import connection
from django.db.models import (
    Exists,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    prefetch_related_objects,
)

from bayan.channels.models import Flow, Media, Outgoing
from bayan.core import arabic
from bayan.core.paging import Counts, Cursor, Page, as_page, beginning, counts_of, page_of
from bayan.core.queries import Prepared, array_of
from bayan.core.references import digits_in
from bayan.inbox.models import (
    HERE_FOR,
    WRITES_FOR,
    CannedReply,
    Conversation,
    ConversationQuerySet,
    Label,
    Macro,
    Mention,
    Message,
    Note,
    Presence,
    Quote,
    SavedView,
)
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member
from bayan.people.permissions import Access

# A person who writes again within this time means the same body (architecture.md, "Tenancy").
SAME_BODY = timedelta(hours=72)


def conversations_of(contacts: Iterable[Contact]) -> list[Conversation]:
    """All conversations of these contacts, locked, each contact's latest first."""
    return list(
        Conversation.objects.filter(contact__in=list(contacts))
        # Always in one order, so that two workers never wait for each other.
        .order_by("pk")
        .select_for_update()
    )


def conversation_ids_of_quoted(quoted: Iterable[tuple[int, str]]) -> dict[str, int]:
    """The conversation of each quoted message, theirs or ours, by the provider's id.

    `quoted`: each with the number by which its quotation came.
    """
    wanted = {(number_id, external_id) for number_id, external_id in quoted if external_id}
    if not wanted:
        return {}
    numbers = {number_id for number_id, _external_id in wanted}
    ids = {external_id for _number_id, external_id in wanted}
    theirs = Message.objects.filter(number__in=numbers, external_id__in=ids)
    ours = Message.objects.filter(outgoing__external_id__in=ids)
    # Asked for together, no index would help.
    return dict(
        theirs.values_list("external_id", "conversation_id").union(
            ours.values_list("outgoing__external_id", "conversation_id"), all=True
        )
    )


def choose(
    conversations: list[Conversation], *, quoted: int | None, now: datetime
) -> Conversation | None:
    """The one of a contact's conversations that a new message joins; None: the desk's.

    In this order: that of the message it quotes; the one with an open case and the latest message;
    the latest one of the last 72 hours.
    """
    newest_first = sorted(conversations, key=lambda c: (c.last_message_at, c.pk), reverse=True)
    for conversation in newest_first:
        if conversation.pk == quoted:
            return conversation
    for conversation in newest_first:
        if conversation.matter:
            return conversation
    latest = next(iter(newest_first), None)
    return latest if latest and latest.last_message_at > now - SAME_BODY else None


# What a conversation may be looked for by what came in it: kinds of messages, by the filter's word.
HELD = {
    "picture": ("image",),
    "video": ("video",),
    "voice": ("voice", "audio"),
    "document": ("document",),
    "location": ("location",),
    "form": ("flow_reply",),
}
# What was passed on many times: a sign of a rumour.
PASSED_ON = "forwarded"
# How far back the last message may lie, by the filter's word.
SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
VIEWS = ("waiting", "mine", "open", "unassigned", "mentions", "snoozed", "closed", "all")
PAGE = 30
PAGE_OF_MESSAGES = 60
# Whoever finds more than these asks more precisely.
MOST_FOUND = 200
MOST_ALIKE = 20
# Fewer digits than these would find half of everything.
FEWEST_DIGITS = 3


@dataclass(frozen=True)
class Found:
    """What a search found, as keys; `is_near`: nothing is written so, but these names are like it.

    `is_cut`: more is written so than was looked for.
    """

    contacts: list[int]
    conversations: list[int]
    matters: list[str]
    is_near: bool = False
    is_cut: bool = False


# Whoever acts on all that match, or saves it, means more than a page shows.
ALL_THAT_MATCH = 50_000


def look_for(words: str, *, most: int = MOST_FOUND) -> Found:
    """Contacts, conversations and matters in which these words occur, whichever way they are spelled.

    Names and messages are searched by words; what holds no letter is a part of a phone or the beginning of a
    number. The latest `most` of each are found, of what the member may see.
    """
    digits = digits_in(words)
    if any(character.isalpha() for character in words):
        digits = ""
    name = "" if digits else " ".join(arabic.words_of(words))
    if len(digits) < FEWEST_DIGITS and not name:
        return Found([], [], [])
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH said AS MATERIALIZED (SELECT * FROM messages_found(%(query)s, %(most)s))
            SELECT ARRAY(SELECT contacts_found(%(name)s, %(phone)s, %(most)s)),
                   ARRAY(SELECT DISTINCT conversation_id FROM said),
                   ARRAY(SELECT DISTINCT matter FROM said WHERE matter <> ''),
                   false, (SELECT count(*) FROM said) >= %(most)s
            """
            if name
            else "SELECT ARRAY(SELECT contacts_found('', %(phone)s, %(most)s)), '{}'::bigint[], '{}'::text[]",
            {
                "query": arabic.query_of(words),
                "name": name.replace("_", r"\_"),
                # A number begins with +966 or with 0: what follows is the same.
                "phone": digits.lstrip("0"),
                "most": most,
            },
        )
        found = Found(*cursor.fetchone())
        if digits:
            matters = Message.objects.filter(_begins("matter", digits))
            found.conversations.extend(
                matters.values_list("conversation_id", flat=True).distinct()[:most]
            )
        elif not (found.contacts or found.conversations):
            cursor.execute(
                "SELECT ARRAY(SELECT contact_id FROM contacts_alike(%s, %s))", [name, MOST_ALIKE]
            )
            return Found(cursor.fetchone()[0], [], [], is_near=True)
    return found


def _begins(field: str, text: str) -> Q:
    # As a range: under row-level security an index answers comparisons, but not LIKE.
    return Q(**{f"{field}__gte": text, f"{field}__lt": text[:-1] + chr(ord(text[-1]) + 1)})


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which conversations a list shows, and in which order."""

    view: str = "open"
    words: str = ""
    body: str = ""
    label: UUID | None = None
    # A member's id, or "none".
    assignee: str = ""
    # One of HELD or PASSED_ON: something of the kind came in it, in its open matter if it has one.
    holds: str = ""
    # One of SPANS.
    span: str = ""
    # The number, sender or mailbox through which people write: its key in `channels`.
    number: int | None = None
    is_oldest_first: bool = False

    @property
    def is_narrowed(self) -> bool:
        """Whether more than words narrows what the view holds."""
        return replace(self, view="", words="", is_oldest_first=False) != EVERYTHING


def conversations(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> ConversationQuerySet:
    """The conversations that these filters let through, in no order; `found` is what the words found."""
    rows = _base(filters, found, now=now)
    return _view(rows, filters.view, member_id=member.pk, now=now)


def _base(filters: Filters, found: Found | None, *, now: datetime) -> ConversationQuerySet:
    rows: ConversationQuerySet = Conversation.objects.all()
    if filters.body:
        # As one value that is read first: joined, it would be met row by row.
        rows = rows.filter(node=Subquery(Node.objects.filter(key=filters.body).values("pk")[:1]))
    if filters.label:
        marked = Label.objects.filter(public_id=filters.label).values_list("pk", flat=True).first()
        rows = rows.filter(labels__contains=[marked or 0]).exclude(labels=[])
    if filters.assignee == "none":
        rows = rows.filter(assignee=None)
    elif filters.assignee:
        rows = rows.filter(assignee__public_id=filters.assignee)
    if filters.holds:
        rows = rows.filter(_held(filters.holds))
    if filters.span:
        rows = rows.filter(last_message_at__gt=now - SPANS[filters.span])
    if filters.number:
        rows = rows.filter(number=filters.number)
    if found is not None:
        rows &= _found(*_keys(found))
    return rows


def _held(what: str) -> Exists:
    """That something of this kind came in the conversation: in its open matter, if it has one."""
    came = Message.objects.filter(
        Q(matter=OuterRef("matter")) | Q(matter="") | Q(conversation__matter=""),
        conversation=OuterRef("pk"),
        direction=Message.Direction.IN,
        revoked_at=None,
    )
    if what == PASSED_ON:
        return Exists(came.filter(forwarded=Message.Forwarded.OFTEN))
    return Exists(came.filter(kind__in=HELD[what]))


def _keys(found: Found) -> tuple[str, str]:
    return array_of(found.contacts), array_of(found.conversations)


def _found(contacts: str, conversations: str) -> ConversationQuerySet:
    """The conversations with these keys, and those of contacts with these, both as `array_of` writes them."""
    return Conversation.objects.filter(Q(contact__any_of=contacts) | Q(pk__any_of=conversations))


def _view(
    rows: ConversationQuerySet, view: str, *, member_id: int, now: datetime
) -> ConversationQuerySet:
    every = Conversation.objects
    awake = every.open().awake(now=now)
    narrowed = {
        "waiting": lambda: every.waiting().awake(now=now),
        "mine": lambda: awake.filter(assignee=member_id),
        "open": lambda: awake,
        "unassigned": lambda: awake.filter(assignee=None),
        "mentions": lambda: every.filter(
            pk__in=Mention.objects.filter(member=member_id, seen_at=None).values("conversation")
        ),
        "snoozed": lambda: every.open().snoozed(now=now),
        "closed": every.closed,
    }.get(view)
    return rows & narrowed() if narrowed else rows


def page_of_conversations(
    filters: Filters,
    *,
    member: Member,
    now: datetime,
    found: Found | None = None,
    after: Cursor | None = None,
) -> Page[Conversation]:
    """These conversations by their last message, with all that a row shows."""
    if not filters.is_narrowed and after is None:
        first = _first_page(
            filters.view, is_oldest_first=filters.is_oldest_first, is_found=found is not None
        )
        values = (member.pk, now, *(_keys(found) if found else ()))
        return as_page(first.rows(*values), "last_message_at", PAGE)
    rows = _with_last_words(conversations(filters, member=member, now=now, found=found))
    return page_of(rows, **_order(filters.is_oldest_first), after=after, limit=PAGE)


def _order(is_oldest_first: bool) -> dict[str, str]:
    return {"oldest" if is_oldest_first else "newest": "last_message_at"}


@cache
def _first_page(view: str, *, is_oldest_first: bool, is_found: bool) -> Prepared[Conversation]:
    def build(member_id: int, now: datetime, *keys: str) -> QuerySet[Conversation]:
        every = _found(*keys) if is_found else Conversation.objects.all()
        rows = _view(every, view, member_id=member_id, now=now)
        return beginning(_with_last_words(rows), **_order(is_oldest_first), limit=PAGE)

    return Prepared(build, int, datetime, *((str, str) if is_found else ()))


def _with_last_words(rows: ConversationQuerySet) -> QuerySet[Conversation]:
    """These conversations with all that a row shows."""
    # What has no words to show is named by its kind; what Bayan sent by itself is not the last word.
    latest = (
        Message.objects.filter(conversation=OuterRef("pk"))
        .exclude(Q(kind="reaction") | Q(author=None), direction=Message.Direction.OUT)
        .order_by("-pk")
    )
    return rows.select_related("contact", "node", "assignee").annotate(
        last_kind=Subquery(latest.values("kind")[:1]),
        last_revoked_at=Subquery(latest.values("revoked_at")[:1]),
        is_passed_on=_held(PASSED_ON),
    )


# As many as a first page shows.
MOST_FIRST = 6


def waiting_longest(now: datetime) -> list[Conversation]:
    """The first `MOST_FIRST` conversations that wait for our answer, the longest first."""
    return _WAITING_LONGEST.rows(now)


_WAITING_LONGEST = Prepared(
    lambda now: _with_last_words(Conversation.objects.waiting().awake(now=now)).order_by(
        "last_message_at", "pk"
    )[:MOST_FIRST],
    datetime,
)


def mentions_of(member: Member) -> list[Mention]:
    """The latest `MOST_FIRST` notes in which colleagues call this member, as long as they have not looked."""
    return _MENTIONS.rows(member.pk)


_MENTIONS = Prepared(
    lambda member: (
        Mention.objects.filter(member=member, seen_at=None)
        .select_related("note__author", "conversation__contact")
        .order_by("-pk")[:MOST_FIRST]
    ),
    int,
)


def counts(
    filters: Filters, *, member: Member, now: datetime, found: Found | None = None
) -> dict[str, int]:
    """How many conversations each view holds under these filters, counted up to `paging.COUNTED_TO`."""
    if not filters.is_narrowed:
        if found is None:
            return _COUNTS.of(member.pk, now)
        return _COUNTS_OF_FOUND.of(member.pk, now, *_keys(found))
    return counts_of(_views(_base(filters, found, now=now), member.pk, now))


def _views(
    rows: ConversationQuerySet, member_id: int, now: datetime
) -> dict[str, ConversationQuerySet]:
    return {view: _view(rows, view, member_id=member_id, now=now) for view in VIEWS}


EVERYTHING = Filters(view="")
_COUNTS = Counts(
    lambda member_id, now: _views(Conversation.objects.all(), member_id, now), int, datetime
)
_COUNTS_OF_FOUND = Counts(
    lambda member_id, now, contacts, rows: _views(_found(contacts, rows), member_id, now),
    int, datetime, str, str,
)  # fmt: skip


def labels_of(nodes: Iterable[Node]) -> list[Label]:
    """The labels that hold in these bodies: their own, and those of the bodies above them."""
    above = {key for node in nodes for key in node.lineage}
    return list(Label.objects.filter(node__in=above).order_by("name"))


def labels() -> dict[int, Label]:
    """All labels by their keys."""
    return {label.pk: label for label in _LABELS.rows()}


_LABELS = Prepared(lambda: Label.objects.order_by("name"))


def labels_on(conversation: Conversation) -> list[Label]:
    if not conversation.labels:
        return []
    return list(Label.objects.filter(pk__in=conversation.labels).order_by("name"))


def nodes_seen(access: Access) -> list[Node]:
    """The bodies whose conversations these roles show, in the order of the tree."""
    roots = [role.node_id for role in access.roles]
    rows = Node.objects.filter(lineage__overlap=roots)
    return list(
        rows.exclude(kind__in=[Node.Kind.AGENCY, Node.Kind.DEPARTMENT]).order_by("position")
    )


def canned_replies_of(node: Node) -> list[CannedReply]:
    """The ready answers that hold in a body: its own first, then those of the bodies above it."""
    rows = CannedReply.objects.filter(node__in=node.lineage).select_related("node")
    return sorted(rows, key=lambda row: (-len(row.node.lineage), row.title))


def macros_of(nodes: Iterable[Node]) -> list[Macro]:
    """The ready-made series of acts that hold in these bodies: their own, and those of bodies above."""
    above = {key for node in nodes for key in node.lineage}
    rows = Macro.objects.filter(node__in=above).select_related("node")
    return list(rows.order_by("node__position", "title"))


def saved_views_of(member: Member, page: str) -> list[SavedView]:
    return _SAVED_VIEWS.rows(member.pk, str(page))


_SAVED_VIEWS = Prepared(
    lambda member, page: SavedView.objects.filter(member=member, page=page).order_by("name"),
    int,
    str,
)


def others_here(
    conversation: Conversation, *, but: Member, now: datetime
) -> list[tuple[Member, bool]]:
    """Who else has this conversation before their eyes now, and whether they are writing."""
    return [
        (row.member, row.writing_at is not None and row.writing_at > now - WRITES_FOR)
        for row in _OTHERS_HERE.rows(conversation.pk, but.pk, now - HERE_FOR)
    ]


_OTHERS_HERE = Prepared(
    lambda conversation, but, since: (
        Presence.objects.filter(conversation=conversation, seen_at__gt=since)
        .exclude(member=but)
        .select_related("member")
        .order_by("-writing_at", "pk")
    ),
    int, int, datetime,
)  # fmt: skip


def with_notes(
    messages: Sequence[Message], conversation: Conversation, *, is_start: bool, is_end: bool
) -> list[Message | Note]:
    """A page of messages with the notes that were written between them, in the order of time.

    `conversation` is one that `thread_of` gave; `is_start`, `is_end`: nothing stands before, after these
    messages.
    """
    since = messages[0].received_at if messages and not is_start else _EARLIEST
    until = messages[-1].received_at if messages and not is_end else _LATEST
    has_notes = vars(conversation)["has_notes"]
    notes = _NOTES.rows(conversation.pk, since, until) if has_notes else []
    called = Prefetch("mentions", Mention.objects.select_related("member"))
    prefetch_related_objects(notes, called)
    entries: list[Message | Note] = [*messages, *notes]
    return sorted(entries, key=lambda entry: entry.received_at)


_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)
_NOTES = Prepared(
    lambda conversation, since, until: (
        Note.objects.filter(
            conversation=conversation, created_at__gte=since, created_at__lte=until
        ).select_related("author")
    ),
    int, datetime, datetime,
)  # fmt: skip


def thread_of(public_id: UUID, *, reader: Member, now: datetime) -> Conversation | None:
    """A conversation with all that its page shows of it, and what there is to ask for besides."""
    return next(iter(_THREAD_OF.rows(public_id, reader.pk, now - HERE_FOR)), None)


# Most have no note, and nobody else who looks at them: then nothing more is asked.
_THREAD_OF = Prepared(
    lambda public_id, reader, since: (
        Conversation.objects.filter(public_id=public_id)
        .select_related("contact", "node", "number", "assignee")
        .annotate(
            has_notes=Exists(Note.objects.filter(conversation=OuterRef("pk"))),
            has_lookers=Exists(
                Presence.objects.filter(conversation=OuterRef("pk"), seen_at__gt=since).exclude(
                    member=reader
                )
            ),
            has_forms=Exists(
                Flow.objects.filter(account=OuterRef("number__account"), status="PUBLISHED")
            ),
        )
    ),
    UUID, int, datetime,
)  # fmt: skip


def messages_of(
    conversation: Conversation, *, before: int | None = None, most: int = PAGE_OF_MESSAGES
) -> list[Message]:
    """The latest messages of a conversation (those before a key, if given), oldest first.

    Each knows what it quotes (`quote`) and the message that carried our reaction (`reaction`).
    """
    if before is None and most == PAGE_OF_MESSAGES:
        return _with_quotes(_LATEST_MESSAGES.rows(conversation.pk)[::-1])
    rows = _thread().filter(conversation=conversation)
    if before:
        rows = rows.filter(pk__lt=before)
    return _with_quotes(list(rows.order_by("-pk")[:most])[::-1])


def files_of(conversation: Conversation) -> list[Message]:
    """The messages of a conversation whose files are kept, newest first."""
    rows = _thread().filter(conversation=conversation, media__state=Media.State.STORED)
    return list(rows.exclude(revoked_at__isnull=False).order_by("-pk")[:500])


def message_of_outgoing(outgoing_id: UUID) -> Message | None:
    """The message to show anew when something was said of this row; for a reaction, what it stands on."""
    carrier = (
        Message.objects.select_related("outgoing").filter(outgoing__public_id=outgoing_id).first()
    )
    if carrier is None:
        return None
    found = _thread().filter(pk=carrier.pk)
    if carrier.kind == "reaction":
        found = _thread().filter(
            conversation=carrier.conversation_id,
            direction=Message.Direction.IN,
            external_id=carrier.quoted_id,
        )
    return next(iter(_with_quotes(list(found))), None)


def message_of(public_id: UUID) -> Message | None:
    """One message as a thread shows it."""
    return next(iter(_with_quotes(list(_thread().filter(public_id=public_id)))), None)


def _thread() -> QuerySet[Message]:
    # A reaction is shown on what it stands on, never as a message of its own.
    return Message.objects.select_related(
        "outgoing", "author", "media", "conversation", "node"
    ).exclude(kind="reaction", direction=Message.Direction.OUT)


_LATEST_MESSAGES = Prepared(
    lambda conversation: (
        _thread().filter(conversation=conversation).order_by("-pk")[:PAGE_OF_MESSAGES]
    ),
    int,
)


def _with_quotes(messages: list[Message]) -> list[Message]:
    quotes = _quotes_of(messages)
    reactions = _reactions_on(messages)
    for message in messages:
        message.quote = quotes.get((message.number_id, message.quoted_id))
        message.reaction = reactions.get((message.conversation_id, message.external_id))
    return messages


def _quotes_of(messages: Sequence[Message]) -> dict[tuple[int, str], Quote]:
    """What these messages quote, by number and the provider's id: theirs, ours, or of a broadcast."""
    found = _quotes_among(messages)
    wanted = {
        message.quoted_id
        for message in messages
        if message.quoted_id and (message.number_id, message.quoted_id) not in found
    }
    if not wanted:
        return found
    conversations = {message.conversation_id for message in messages}
    numbers = {message.number_id for message in messages}
    theirs = Message.objects.filter(
        number__in=numbers, external_id__in=wanted, direction=Message.Direction.IN
    )
    found |= {
        (row.number_id, row.external_id): Quote(
            row.kind,
            "" if row.revoked_at else row.text,
            is_ours=False,
            message_id=row.public_id if row.conversation_id in conversations else None,
        )
        for row in theirs
    }
    ours = Outgoing.objects.filter(external_id__in=wanted).select_related("message", "template")
    for row in ours:
        message = getattr(row, "message", None)
        # A broadcast has no message in any conversation: its words stand in what was sent.
        found[row.number_id, row.external_id or ""] = (
            Quote(
                message.kind,
                message.text,
                is_ours=True,
                message_id=message.public_id if message.conversation_id in conversations else None,
            )
            if message
            else Quote(row.content.get("type", ""), words_of(row), is_ours=True)
        )
    return found


def _quotes_among(messages: Sequence[Message]) -> dict[tuple[int, str], Quote]:
    """Of these messages each that another may quote: mostly what is quoted stands on the same page."""
    found = {}
    for row in messages:
        is_ours = row.direction == Message.Direction.OUT
        sent_as = row.outgoing.external_id if is_ours and row.outgoing else None
        external_id = sent_as or ("" if is_ours else row.external_id)
        if external_id:
            text = "" if row.revoked_at and not is_ours else row.text
            found[row.number_id, external_id] = Quote(
                row.kind, text, is_ours=is_ours, message_id=row.public_id
            )
    return found


def _reactions_on(messages: Sequence[Message]) -> dict[tuple[int, str], Message]:
    """The latest message that carried a reaction of ours, for each of these that has one."""
    marked = [message for message in messages if message.our_reaction]
    if not marked:
        return {}
    rows = Message.objects.filter(
        conversation__in={message.conversation_id for message in marked},
        kind="reaction",
        direction=Message.Direction.OUT,
        quoted_id__in={message.external_id for message in marked},
    ).select_related("outgoing")
    return {(row.conversation_id, row.quoted_id): row for row in rows.order_by("pk")}


def words_of(row: Outgoing) -> str:
    """The words of a message of ours that stands in no conversation, from what was sent."""
    if row.template is None:
        return str(row.content.get("text", {}).get("body", ""))
    texts = {part.get("type"): part.get("text", "") for part in row.template.components}
    words = str(texts.get("BODY", ""))
    for part in row.content.get("template", {}).get("components", []):
        if part.get("type") == "body":
            for position, parameter in enumerate(part.get("parameters", []), start=1):
                name = parameter.get("parameter_name") or str(position)
                words = words.replace(f"{{{{{name}}}}}", str(parameter.get("text", "")))
    return words
