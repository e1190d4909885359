"""Routing: rules lead new cases to their body and to whoever handles them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, Max

from bayan.cases.models import Case, Reading, RoutingDecision, RoutingRule, RuleBook
from bayan.cases.routing.matching import Facts, Give, Rule, Rules, Text
from bayan.cases.services import clocks, understanding
from bayan.cases.services.handling import carry
from bayan.cases.services.parts import due, entry
from bayan.cases.services.placing import By, point_by_words
from bayan.cases.whole.models import TeamMember
from bayan.channels.models import Number
from bayan.core import audit, live
from bayan.core.queries import Prepared
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.triage.endpoint import more_urgent

if TYPE_CHECKING:
    from bayan.triage import reading as triage

# Who got one longer ago than this got none: ties are broken by it alone.
LONG_AGO = timedelta(days=30)

STAMP = Prepared(RuleBook.objects.all)
NO_RULES = Rules(())


def rules() -> Rules:
    """The rules that are on, in their order; read again only after somebody has changed one."""
    book = STAMP.rows()
    return _rules_of(book[0].stamp) if book else NO_RULES


@lru_cache(maxsize=1)
def _rules_of(_stamp: UUID) -> Rules:
    return Rules(map(Rule.of, RoutingRule.objects.filter(is_on=True).order_by("position")))


class Surroundings:
    """What rules ask of the rest of the platform: read when it is first asked for, once for all cases."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.nodes = organisation.nodes()
        self.calendar = organisation.calendar()

    @cached_property
    def municipalities(self) -> dict[str, int]:
        return {
            node.key: node.pk for node in self.nodes.values() if node.kind == Node.Kind.MUNICIPALITY
        }

    @cached_property
    def desk(self) -> Node:
        return next(node for node in self.nodes.values() if node.is_desk)

    @cached_property
    def accounts(self) -> dict[int, str]:
        return dict(Number.objects.values_list("pk", "account__key"))

    @cached_property
    def _open_cases(self) -> dict[int, int]:
        rows = Case.objects.open().values_list("node_id").annotate(Count("pk")).order_by()
        return dict(rows)

    def open_cases(self, node_id: int) -> int:
        return self._open_cases.get(node_id, 0)

    @cached_property
    def _turns(self) -> dict[int, Member]:
        return {key: turn.member for key, turn in people.on_duty_everywhere(now=self.now).items()}

    def on_duty(self, node: Node) -> Member | None:
        """Whose turn it is for this body, or for the nearest one above it."""
        return next(
            (self._turns[key] for key in reversed(node.lineage) if key in self._turns), None
        )

    def facts(
        self,
        case: Case,
        *,
        at: datetime,
        texts: Iterable[Text | str],
        places: frozenset[str],
        sure: Mapping[str, float | None],
        labels: Mapping[str, str] | None = None,
        account: str = "",
        is_born: bool = False,
    ) -> Facts:
        """A case as rules see it; `labels`: in place of its own; `is_born`: as if it stood at the desk."""
        node = self.desk if is_born else self.nodes[case.node_id]
        at_desk = node.is_desk
        # Where they wrote from before is too little to send somebody's words elsewhere.
        pointed = case.points_to if case.points_by != By.EARLIER else ""
        body = pointed if at_desk else node.key
        given = labels or {}
        return Facts(
            at=at,
            node_id=node.pk,
            is_at_desk=at_desk,
            pointed_id=self.municipalities.get(body) if at_desk else node.pk,
            body=body,
            places=places,
            kind=given.get("kind", case.kind),
            category=given.get("category", case.category),
            priority=given.get("priority", case.priority),
            account=account,
            texts=tuple(texts),
            calendar=self.calendar,
            open_cases=self.open_cases,
            sure=sure,
            place=case.place,
            points_by=case.points_by,
        )


@dataclass(kw_only=True)
class Decided:
    """What a rule makes of one case."""

    case: Case
    rule: Rule
    facts: Facts
    origin: Node
    node: Node
    member: int | None = None
    # The open cases of whoever got it, and then of those who did not.
    loads: list[int] = field(default_factory=list)
    priority: str = ""
    category: str = ""

    @property
    def is_moved(self) -> bool:
        return self.node.pk != self.origin.pk

    @property
    def changes_something(self) -> bool:
        return bool(self.is_moved or self.member or self.priority or self.category)


def decide_new(
    opened: Sequence[Case],
    arrivals: Sequence[inbox.Arrival],
    readings: Mapping[str, triage.Reading],
    *,
    now: datetime,
) -> list[Decided]:
    """Try the rules on new cases, not yet saved, and give these what the rules that fit decide.

    Their conversations stay where they are: `lead` moves them.
    """
    held = rules()
    if not held or not opened:
        return []
    around = Surroundings(now=now)
    new = {case.reference for case in opened}
    texts: dict[str, list[Text | str]] = defaultdict(list)
    read: dict[str, list[triage.Reading]] = defaultdict(list)
    for arrival in arrivals:
        message, matter = arrival.message, arrival.matter
        if matter not in new:
            continue
        if reading := readings.get(message.external_id):
            texts[matter].append(Text(reading.text, reading.form, reading.words))
            read[matter].append(reading)
        elif message.kind not in inbox.TOUCHES and message.text:
            texts[matter].append(message.text[: understanding.LONGEST])
    decided = []
    for case in opened:
        found = read[case.reference]
        facts = around.facts(
            case,
            at=case.opened_at,
            texts=texts[case.reference],
            places=places_in(found) if held.asks_places and found else frozenset(),
            sure=sureness_of(found[0]) if found else {},
            account=around.accounts[case.conversation.number_id] if held.asks_accounts else "",
        )
        if rule := held.first(facts):
            decided.append(_decided(case, rule, facts, around))
    _give(decided, around)
    for one in decided:
        _apply(one)
    return decided


def places_in(readings: Iterable[triage.Reading]) -> frozenset[str]:
    """The places that are surely named, with all in which they lie."""
    reader = understanding.reader()
    if reader is None:
        return frozenset()
    named = (mention.place for reading in readings for mention in reading.places)
    return frozenset(key for place in named if place for key in reader.gazetteer.around(place.key))


def sureness_of(reading: triage.Reading) -> dict[str, float | None]:
    of = reading.confidence
    return {"kind": of["kind"], "category": of["category"], "priority": of["urgency"]}


def _decided(case: Case, rule: Rule, facts: Facts, around: Surroundings) -> Decided:
    target = rule.target(facts)
    one = Decided(
        case=case,
        rule=rule,
        facts=facts,
        origin=around.nodes[facts.node_id],
        node=around.nodes[facts.node_id if target is None else target],
    )
    # It is never made less urgent than it was read.
    if rule.priority and more_urgent(rule.priority, case.priority) != case.priority:
        one.priority = rule.priority
    if rule.category and rule.category != case.category:
        one.category = rule.category
    return one


def _give(decided: Sequence[Decided], around: Surroundings) -> None:
    """Find out who gets each of these cases, in a few questions for all of them."""
    shared = [one for one in decided if one.rule.give in {Give.LEAST, Give.TEAM}]
    if shared:
        share = Share({_circle(one): one.node for one in shared}, now=around.now)
        for one in shared:
            one.member, one.loads = share.next_of(_circle(one))
    for one in decided:
        if one.rule.give == Give.DUTY and (member := around.on_duty(one.node)):
            one.member = member.pk
    named = {one.rule.member_id for one in decided if one.rule.give == Give.MEMBER}
    for one in decided:
        if one.rule.give == Give.MEMBER:
            one.member = one.rule.member_id
    held = {one.member for one in decided if one.rule.give in {Give.DUTY, Give.MEMBER}} | named
    members = Member.objects.filter(is_active=True).in_bulk([key for key in held if key])
    access = {key: Access.of(member, now=around.now) for key, member in members.items()}
    for one in decided:
        if one.rule.give in {Give.DUTY, Give.MEMBER} and one.member:
            # Whoever does not answer there would own what they cannot open.
            theirs = access.get(one.member)
            if theirs is None or not theirs.may("conversations.reply", one.node):
                one.member = None


# Among whom a case is shared out: the key of the body, and of the team where it is one's.
type Circle = tuple[int, int | None]


def _circle(one: Decided) -> Circle:
    return one.node.pk, one.rule.team_id


class Share:
    """Whose turn it is in each of these circles of colleagues: whoever has the fewest open cases.

    A circle is the responders of a body, or those of a team who answer for it. Whoever is away and has named
    a deputy is left out. Of several, whoever was given one by a rule longest ago.
    """

    def __init__(self, circles: Mapping[Circle, Node], *, now: datetime) -> None:
        bodies = people.responders_of(
            {node.pk for (_key, team), node in circles.items() if team is None}, now=now
        )
        self._responders: dict[Circle, list[int]] = {
            (key, None): members for key, members in bodies.items()
        }
        of_teams = {circle: node for circle, node in circles.items() if circle[1] is not None}
        if of_teams:
            self._responders |= _members_there(of_teams, now=now)
        everybody = {member for members in self._responders.values() for member in members}
        rows = Case.objects.open().filter(owner__in=everybody).values_list("owner_id")
        self._loads = Counter(dict(rows.annotate(Count("pk")).order_by()))
        latest = RoutingDecision.objects.filter(member__in=everybody, at__gt=now - LONG_AGO)
        found = dict(latest.values_list("member_id").annotate(Max("at")).order_by())
        # Of those who never got one the first by name of the table; then in the order in which they get one.
        known = sorted(everybody, key=lambda key: (found.get(key, now - LONG_AGO), key))
        self._turns = {key: number for number, key in enumerate(known)}

    def next_of(self, circle: Circle) -> tuple[int | None, list[int]]:
        """Who gets the next case there, and the open cases of this one and of the others before it."""
        members = self._responders.get(circle)
        if not members:
            return None, []
        chosen = min(members, key=lambda key: (self._loads[key], self._turns[key]))
        others = sorted(self._loads[key] for key in members if key != chosen)
        loads = [self._loads[chosen], *others]
        self._loads[chosen] += 1
        self._turns[chosen] = max(self._turns.values()) + 1
        return chosen, loads


def _members_there(circles: Mapping[Circle, Node], *, now: datetime) -> dict[Circle, list[int]]:
    """Who of each team may answer for the body of the case, and is not away."""
    members: dict[int, list[int]] = defaultdict(list)
    rows = TeamMember.objects.filter(
        team__in={team for _key, team in circles}, team__ended_at=None, member__is_active=True
    ).exclude(member__in=Deputyship.objects.current(now=now).values("member"))
    for team, member in rows.order_by("member_id").values_list("team_id", "member_id"):
        members[team].append(member)
    asked = [
        (member, node) for (_key, team), node in circles.items() for member in members[team or 0]
    ]
    may = people.who_may("conversations.reply", asked, now=now) if asked else set()
    return {
        (key, team): [member for member in members[team or 0] if (member, key) in may]
        for key, team in circles
    }


def _apply(one: Decided) -> None:
    case = one.case
    case.priority = one.priority or case.priority
    case.category = one.category or case.category
    if one.member:
        case.owner_id = one.member
    if one.priority:
        case.due_at = due(case)


def lead(decided: Sequence[Decided], *, now: datetime) -> dict[int, Conversation]:
    """Take the conversations of these cases along to the bodies that were decided upon.

    The cases are not saved. Returns which conversation each one that moved is now, by its key.
    """
    going = {one.case.conversation: one.node for one in decided if one.is_moved}
    if not going:
        return {}
    moved = _carried(going, now=now)
    for one in decided:
        if one.is_moved:
            one.case.conversation = moved[one.case.conversation_id]
            one.case.node = one.node
            # By the working time of that body.
            one.case.due_at = due(one.case)
    return moved


def _carried(going: Mapping[Conversation, Node], *, now: datetime) -> dict[int, Conversation]:
    cases = list(
        Case.objects.filter(conversation__in=list(going))
        .select_related("node", "owner")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    told = [(case.node_id, "case", case.public_id) for case in cases]
    targets = carry(going, cases, now=now)
    live.announce([*told, *((case.node_id, "case", case.public_id) for case in cases)])
    known = Conversation.objects.select_related("node").in_bulk(set(targets.values()))
    return {source: known[target] for source, target in targets.items()}


def keep(decided: Sequence[Decided], *, now: datetime) -> None:
    """Write down what was decided of these cases, which are saved by now, and why."""
    RoutingDecision.objects.bulk_create(written(one, now=now) for one in decided)
    held = {one.member for one in decided if one.member}
    names = dict(Member.objects.filter(pk__in=held).values_list("pk", "public_id")) if held else {}
    audit.record_all(
        entry("case.routed", one.case, by=audit.SYSTEM, now=now, **_details(one, names))
        for one in decided
    )


def written(one: Decided, *, now: datetime) -> RoutingDecision:
    """A decision as it is kept, not yet saved."""
    return RoutingDecision(
        case=one.case,
        at=now,
        rule=one.rule.id,
        name=one.rule.name,
        version=one.rule.version,
        found=one.rule.found(one.facts),
        body=one.node.key,
        is_moved=one.is_moved,
        give=one.rule.give,
        member_id=one.member,
        team_id=one.rule.team_id,
        loads=one.loads,
        priority=one.priority,
        category=one.category,
    )


def imagine(text: str, *, now: datetime) -> tuple[Case, Decided | None]:
    """What would become of a message of somebody new with these words, now: its case, and what rules decide.

    Nothing is saved.
    """
    around = Surroundings(now=now)
    case = Case(node=around.desk, opened_at=now, due_at=now)
    reader = understanding.reader()
    reading = reader.read(text[: understanding.LONGEST]) if reader else None
    if reading:
        point_by_words(case, reading)
        understanding.label(case, reading, now=now)
    held = rules()
    facts = around.facts(
        case,
        at=now,
        texts=[Text(reading.text, reading.form, reading.words) if reading else text],
        places=places_in([reading]) if reading else frozenset(),
        sure=sureness_of(reading) if reading else {},
    )
    rule = held.first(facts)
    if rule is None:
        return case, None
    one = _decided(case, rule, facts, around)
    _give([one], around)
    return case, one


def _details(one: Decided, names: Mapping[int, UUID]) -> dict[str, Any]:
    details: dict[str, Any] = {"rule": one.rule.name}
    if one.is_moved:
        details |= {"from": one.origin.key, "to": one.node.key}
    if one.member:
        details["member"] = str(names[one.member])
    if one.priority:
        details["priority"] = one.priority
    if one.category:
        details["category"] = one.category
    return details


def route_again(cases: Iterable[Case], *, now: datetime) -> None:
    """Try the rules once more on cases of which more is known now, as long as nobody has touched them.

    The caller holds the conversations. What changes nothing is not written down again.
    """
    waiting = [
        case
        for case in {case.pk: case for case in cases}.values()
        if not case.is_closed
        and case.node.is_desk
        and case.owner_id is None
        and case.stage == Case.Stage.NEW
    ]
    held = rules() if waiting else NO_RULES
    if not held:
        return
    around = Surroundings(now=now)
    decided = [
        _decided(case, rule, facts, around)
        for case, facts in facts_of(waiting, held, around, at=now)
        if (rule := held.first(facts))
    ]
    _give(decided, around)
    decided = [one for one in decided if one.changes_something]
    if not decided:
        return
    for one in decided:
        _apply(one)
    conversations = Conversation.objects.in_bulk({one.case.conversation_id for one in decided})
    going = {conversations[one.case.conversation_id]: one.node for one in decided if one.is_moved}
    moved = _carried(going, now=now) if going else {}
    told = []
    for one in decided:
        told.append((one.case.node_id, "case", one.case.public_id))
        if one.is_moved:
            one.case.conversation = moved[one.case.conversation_id]
            one.case.node = one.node
            one.case.due_at = due(one.case)
    Case.objects.bulk_update(
        [one.case for one in decided], ["priority", "category", "due_at", "owner"]
    )
    clocks.follow([one.case for one in decided])
    clocks.page_duty([one.case for one in decided], now=now)
    keep(decided, now=now)
    live.announce([*told, *((one.node.pk, "case", one.case.public_id) for one in decided)])


def facts_of(
    cases: Sequence[Case],
    held: Rules,
    around: Surroundings,
    *,
    at: datetime | None = None,
    as_born: bool = False,
) -> list[tuple[Case, Facts]]:
    """Saved cases as rules see them; `as_born`: at the desk, with what triage was sure of."""
    readings = Reading.objects.in_bulk([case.pk for case in cases])
    texts: dict[str, list[str]] = defaultdict(list)
    if held.asks_places or held.asks_words:
        rows = Message.objects.filter(
            matter__in=[case.reference for case in cases], direction=Message.Direction.IN
        ).exclude(text="")
        for matter, text in rows.order_by("pk").values_list("matter", "text"):
            texts[matter].append(text[: understanding.LONGEST])
    numbers = (
        dict(
            Conversation.objects.filter(
                pk__in=[case.conversation_id for case in cases]
            ).values_list("pk", "number_id")
        )
        if held.asks_accounts
        else {}
    )
    return [
        (
            case,
            around.facts(
                case,
                at=at or case.opened_at,
                texts=texts[case.reference],
                places=_places_named(texts[case.reference]) if held.asks_places else frozenset(),
                sure=_sure(readings.get(case.pk)),
                labels=_as_read(readings.get(case.pk)) if as_born else None,
                is_born=as_born,
                account=around.accounts[numbers[case.conversation_id]]
                if held.asks_accounts
                else "",
            ),
        )
        for case in cases
    ]


def _sure(reading: Reading | None) -> dict[str, float | None]:
    if reading is None:
        return {}
    return {name: reading.said[name][1] for name in ("kind", "category", "priority")}


def _as_read(reading: Reading | None) -> dict[str, str]:
    """The labels that a new case was given by triage."""
    if reading is None:
        return {}
    labels = {"priority": reading.said["priority"][0]}
    for name in ("kind", "category"):
        label, sure = reading.said[name][:2]
        labels[name] = (
            label if sure is None or understanding.thresholds().is_sure(name, label, sure) else ""
        )
    return labels


def _places_named(texts: Iterable[str]) -> frozenset[str]:
    reader = understanding.reader()
    if reader is None:
        return frozenset()
    gazetteer = reader.gazetteer
    named = (mention.place for text in texts for mention in gazetteer.find(text))
    return frozenset(key for place in named if place for key in gazetteer.around(place.key))
