"""Reading the table: the cell for a topic and a body, who they are by name, the answer in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from bayan.cases import selectors as cases
from bayan.mandates.models import CRISIS, OTHER, Act, Level, Version, Who
from bayan.mandates.topics import TOPICS
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access

type Cells = dict[str, dict[str, dict[str, list[str]]]]


def current() -> Version | None:
    """The table that counts; None: there is none, and permissions alone decide."""
    return Version.objects.select_related("made_by").order_by("-number").first()


def level_of(node: Node) -> str:
    """At which level a body's matter is."""
    if cases.in_surge(node):
        return Level.CRISIS
    known = organisation.nodes()
    kinds = {known[key].kind for key in node.lineage if key in known}
    if Node.Kind.MUNICIPALITY in kinds:
        return Level.MUNICIPALITY
    return Level.AGENCY if kinds - {Node.Kind.AUTHORITY} else Level.AUTHORITY


def in_crisis(topic: str, node: Node) -> bool:
    """Whether it is said of a crisis, or while one is on there."""
    return topic == CRISIS or level_of(node) == Level.CRISIS


@dataclass(frozen=True)
class Cell:
    """Who may do what about one topic at one level, and of which body it is asked."""

    topic: str
    level: str
    node: Node
    who: dict[str, list[str]]

    def may(self, act: str, access: Access) -> bool:
        """Whether a role of this member is named, their own or of whom they stand in for."""
        return any(
            role.kind == kind and self._is_there(role.node, place)
            for kind, place in self._named(act)
            for role in access.roles
        )

    def _named(self, act: str) -> list[tuple[str, str]]:
        pairs = (one.partition(".") for one in self.who.get(act, ()))
        return [(kind, place) for kind, _dot, place in pairs]

    def _is_there(self, node: Node, place: str) -> bool:
        if place == "authority":
            return node.is_desk
        return node.pk in self.node.lineage and (not node.is_desk or self.node.is_desk)

    def members(self, act: str, *, now: datetime) -> list[Member]:
        """Those named by their own roles, by name."""
        desk = organisation.desk()
        asked = Q(pk=None)
        for kind, place in self._named(act):
            above = [key for key in self.node.lineage if key != desk.pk or self.node.is_desk]
            asked |= Q(kind=kind, node__in=[desk.pk] if place == "authority" else above)
        roles = Role.objects.current(now=now).filter(asked)
        return list(
            Member.objects.filter(pk__in=roles.values("member"), is_active=True).order_by(
                "name_ar", "pk"
            )
        )

    def in_words(self, act: str, *, now: datetime) -> str:
        """Whom the table names, and who that is now: «المتحدث الرسمي (سارة القحطاني)»."""
        roles = labels(self.who.get(act, ()))
        if not roles:
            return ""
        names = [member.name for member in self.members(act, now=now)]
        if not names:
            return _("%(roles)s (nobody holds this role now)") % {"roles": joined(roles)}
        return _("%(roles)s (%(names)s)") % {"roles": joined(roles), "names": joined(names)}


def labels(who: Iterable[str]) -> list[str]:
    """The roles as people call them."""
    known = dict(Who.choices)
    return [str(known[one]) for one in who if one in known]


def joined(words: Sequence[str]) -> str:
    """These in a row: with commas as the language writes them."""
    return _(", ").join(words)


def cell_for(topic: str, node: Node) -> Cell | None:
    """The cell that counts for a topic and a body now; None: there is no table."""
    version = current()
    if version is None:
        return None
    row = version.cells.get(topic) or version.cells.get(OTHER, {})
    level = level_of(node)
    return Cell(topic, level, node, row.get(level, {}))


def answer(topic: str, node: Node, *, now: datetime) -> str:
    """«من يصرّح عن …؟» in one sentence."""
    cell = cell_for(topic, node)
    if cell is None:
        return _("There is no table yet: whoever may approve at the authority speaks.")
    said = {
        "topic": TOPICS.get(topic, topic),
        "body": node.name,
        "speaks": cell.in_words(Act.SPEAK, now=now) or _("nobody"),
        "approves": cell.in_words(Act.APPROVE, now=now) or _("nobody"),
        "informed": cell.in_words(Act.INFORM, now=now),
    }
    # Who does both is named once.
    if said["speaks"] == said["approves"]:
        sentence = (
            _("About %(topic)s in %(body)s: %(speaks)s speaks and approves; informed: %(informed)s.")
            if said["informed"]
            else _("About %(topic)s in %(body)s: %(speaks)s speaks and approves.")
        )  # fmt: skip
        return sentence % said
    sentence = (
        _("About %(topic)s in %(body)s: %(speaks)s speaks, %(approves)s approves; informed: %(informed)s.")
        if said["informed"]
        else _("About %(topic)s in %(body)s: %(speaks)s speaks, %(approves)s approves.")
    )  # fmt: skip
    return sentence % said


def table(version: Version | None) -> list[tuple[str, str, list[tuple[str, dict[str, list[str]]]]]]:
    """The rows of a table: each topic with its label and its cells, level by level, in words."""
    cells: Cells = version.cells if version else {}
    return [
        (
            topic,
            str(label),
            [
                (
                    level,
                    {act: labels(cells[topic].get(level, {}).get(act, ())) for act in Act.values},
                )
                for level in Level.values
            ],
        )
        for topic, label in TOPICS.items()
        if topic in cells
    ]


def topics() -> list[tuple[str, str]]:
    """What a story can be said to be about: the rows of the table, everything else first."""
    version = current()
    known = version.cells if version else {OTHER: {}}
    return [(topic, str(label)) for topic, label in TOPICS.items() if topic in known]
