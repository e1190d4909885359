"""Input of the pages about polls and meetings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from bayan.core.forms import Controls
from bayan.correspondence import selectors as letters
from bayan.correspondence.models import Address as LetterAddress
from bayan.correspondence.models import AddressList
from bayan.correspondence.services import To
from bayan.meetings.models import AgendaItem, Meeting, Poll
from bayan.meetings.services import FEWEST, MOST, Decided, Plan, Point, Question, to_of
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member, Role
from bayan.people.permissions import Access

TERMS: dict[int, str | Promise] = {
    2: gettext_lazy("Two working hours"),
    7: gettext_lazy("One working day"),
    14: gettext_lazy("Two working days"),
    35: gettext_lazy("Five working days"),
    70: gettext_lazy("Ten working days"),
    0: pgettext_lazy("poll", "Until a day and hour, below"),
}
LENGTHS: dict[int, str | Promise] = {
    30: gettext_lazy("Half an hour"),
    60: gettext_lazy("An hour"),
    90: gettext_lazy("An hour and a half"),
    120: gettext_lazy("Two hours"),
    180: gettext_lazy("Three hours"),
}
# Of a body: whoever heads it and its media, or those of one role.
WHO = [
    ("", gettext_lazy("Whoever heads the body, and its media")),
    (Role.Kind.EXECUTIVE, gettext_lazy("Mayors and executives")),
    (Role.Kind.DIRECTOR, gettext_lazy("Directors of media")),
    (Role.Kind.PRESS_OFFICER, gettext_lazy("Press officers")),
    (Role.Kind.RESPONDER, gettext_lazy("Those who answer the public")),
]
MOMENT = "%Y-%m-%dT%H:%M"


class Several(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rows to tick, by name."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class One(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A row to choose, by name."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


def moment_field(label: Any, *, required: bool = True, **more: Any) -> Any:
    """A day with its hour, as the browser asks for it."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT)
    return forms.DateTimeField(
        label=label, required=required, widget=widget, input_formats=[MOMENT, f"{MOMENT}:%S"],
        **more,
    )  # fmt: skip


class Addressed(Controls):
    """Whom a poll asks or a meeting invites."""

    municipalities = forms.BooleanField(label=gettext_lazy("All municipalities"), required=False)
    bodies = Several(
        label=gettext_lazy("Bodies"),
        queryset=Node.objects.none(),
        to_field_name="key",
        required=False,
    )
    role = forms.ChoiceField(label=gettext_lazy("Who of these bodies"), choices=WHO, required=False)
    members = Several(
        label=gettext_lazy("Members"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
        required=False,
    )
    lists = Several(
        label=gettext_lazy("Lists"),
        queryset=AddressList.objects.none(),
        to_field_name="public_id",
        required=False,
    )

    def __init__(
        self, *args: Any, node: Node, access: Access, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.node = node
        choices: dict[str, Any] = {
            "bodies": letters.addressable(),
            "members": people.colleagues_of(access.member, now=now),
            "lists": letters.lists_of(access),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, Several)  # noqa: S101  # ours, above
            field.queryset = rows
            field.widget.attrs.pop("class", None)

    def to(self) -> list[To]:
        """Whom it names; the form is valid."""
        return list(self._to())

    def _to(self) -> Iterable[To]:
        given = self.cleaned_data
        if given["municipalities"]:
            yield To(kind=LetterAddress.Kind.MUNICIPALITIES, role=given["role"])
        for node in given["bodies"]:
            yield To(kind=LetterAddress.Kind.BODY, node=node, role=given["role"])
        for member in given["members"]:
            yield To(kind=LetterAddress.Kind.MEMBER, member=member)
        for one in given["lists"]:
            yield To(kind=LetterAddress.Kind.LIST, list=one)


def initial_to(thing: Poll | Meeting) -> dict[str, Any]:
    """Whom the form shows of a draft."""
    to = to_of(thing)
    return {
        "municipalities": any(one.kind == LetterAddress.Kind.MUNICIPALITIES for one in to),
        "bodies": [one.node.key for one in to if one.node],
        "role": next((one.role for one in to if one.role), ""),
        "members": [str(one.member.public_id) for one in to if one.member],
        "lists": [str(one.list.public_id) for one in to if one.list],
    }


class PollForm(Addressed):
    """A poll: the question with its answers, whom it asks, until when, and what it takes to count."""

    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    options = forms.CharField(
        label=gettext_lazy("Answers"),
        max_length=1200,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
        help_text=gettext_lazy(
            "One a line, two to ten. Up to three of twenty letters become buttons in WhatsApp, others a list."
        ),
    )
    term_hours = forms.TypedChoiceField(
        label=gettext_lazy("How long people may vote"),
        choices=list(TERMS.items()),
        coerce=int,
        initial=14,
    )
    until = moment_field(gettext_lazy("Until"), required=False)
    quorum_kind = forms.ChoiceField(
        label=gettext_lazy("Quorum"),
        choices=Poll.Quorum,
        initial=Poll.Quorum.SHARE,
        required=False,
        help_text=gettext_lazy("So many must vote, or the poll decides nothing."),
    )
    quorum = forms.IntegerField(
        label=gettext_lazy("At least"), min_value=1, max_value=10_000, initial=50, required=False
    )
    is_secret = forms.BooleanField(
        label=gettext_lazy("Secret: who voted is kept apart from what"),
        required=False,
        help_text=gettext_lazy("People vote on the page only, as a message would bear their name."),
    )
    tells_all = forms.BooleanField(
        label=gettext_lazy("Everybody who was asked hears the result"), required=False, initial=True
    )

    def clean_options(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["options"].splitlines()]
        options = [line for line in lines if line]
        if not FEWEST <= len(options) <= MOST:
            raise forms.ValidationError(_("Write two to ten answers, one a line."))
        if any(len(option) > 100 for option in options):
            raise forms.ValidationError(_("An answer has 100 letters at most."))
        return options

    def question_asked(self) -> Question:
        """The poll as `services` takes it; the form is valid."""
        given = self.cleaned_data
        return Question(
            question=given["question"], options=given["options"], to=self.to(),
            is_secret=given["is_secret"], tells_all=given["tells_all"],
            quorum_kind=given["quorum_kind"], quorum=given["quorum"] or 0,
            term_hours=given["term_hours"] or None,
            until=None if given["term_hours"] else given["until"],
        )  # fmt: skip


def initial_of_poll(poll: Poll) -> dict[str, Any]:
    """What the form shows of a draft."""
    fields = ("question", "quorum_kind", "quorum", "is_secret", "tells_all", "until")
    return {name: getattr(poll, name) for name in fields} | {
        "options": "\n".join(option.text for option in poll.options.all()),
        "term_hours": poll.term_hours or 0,
        **initial_to(poll),
    }


class MeetingForm(Addressed):
    """A meeting: what about, when, where, who leads it; its agenda stands beside, line by line."""

    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=140, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    kind = forms.ChoiceField(
        label=pgettext_lazy("of a meeting", "Kind"),
        choices=Meeting.Kind,
        initial=Meeting.Kind.SINGLE,
    )
    starts_at = moment_field(gettext_lazy("Begins"))
    minutes_long = forms.TypedChoiceField(
        label=gettext_lazy("Takes"), choices=list(LENGTHS.items()), coerce=int, initial=60
    )
    place = forms.CharField(
        label=gettext_lazy("Place"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    link = forms.URLField(
        label=gettext_lazy("Link, if people may join from afar"),
        max_length=200,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"dir": "ltr"}),
    )
    chair = One(
        label=gettext_lazy("Chair"), queryset=Member.objects.none(), to_field_name="public_id"
    )
    secretary = One(
        label=gettext_lazy("Secretary, who writes the minutes"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
    )

    def __init__(
        self, *args: Any, node: Node, access: Access, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, node=node, access=access, now=now, **kwargs)
        for name in ("chair", "secretary"):
            field = self.fields[name]
            assert isinstance(field, One)  # noqa: S101  # ours, above
            field.queryset = people.staff_of(node, now=now)
            field.initial = str(access.member.public_id)

    def plan(self, agenda: list[Point]) -> Plan:
        """The meeting as `services` takes it; the form is valid."""
        given = self.cleaned_data
        return Plan(
            title=given["title"], kind=given["kind"], starts_at=given["starts_at"],
            minutes_long=given["minutes_long"], place=given["place"], link=given["link"],
            chair=given["chair"], secretary=given["secretary"], agenda=agenda, to=self.to(),
        )  # fmt: skip


def initial_of_meeting(meeting: Meeting) -> dict[str, Any]:
    """What the form shows of a meeting."""
    fields = ("title", "kind", "minutes_long", "place", "link")
    return {name: getattr(meeting, name) for name in fields} | {
        "starts_at": timezone.localtime(meeting.starts_at),
        "chair": str(meeting.chair.public_id),
        "secretary": str(meeting.secretary.public_id),
        **initial_to(meeting),
    }


class DecisionForm(Controls):
    """What was decided, who does it, until when."""

    text = forms.CharField(
        label=gettext_lazy("Decision"),
        max_length=300,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    owner = One(
        label=gettext_lazy("Who does it"),
        queryset=Member.objects.none(),
        empty_label=gettext_lazy("Choose a member"),
        to_field_name="public_id",
    )
    due_at = moment_field(gettext_lazy("Until"))
    agenda_item = forms.ModelChoiceField(
        label=gettext_lazy("Item of the agenda"),
        queryset=AgendaItem.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="—",
    )

    def __init__(self, *args: Any, meeting: Meeting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        there = Member.objects.filter(pk__in=meeting.invitees.values("member")) | (
            Member.objects.filter(pk__in=[meeting.chair_id, meeting.secretary_id])
        )
        owner, item = self.fields["owner"], self.fields["agenda_item"]
        assert isinstance(owner, One)  # noqa: S101  # ours, above
        assert isinstance(item, forms.ModelChoiceField)  # noqa: S101  # ours, above
        owner.queryset = there.order_by("name_ar", "pk")
        item.queryset = meeting.agenda.order_by("position")

    def decided(self) -> Decided:
        """The decision as `services` takes it; the form is valid."""
        given = self.cleaned_data
        return Decided(
            text=given["text"], owner=given["owner"], due_at=given["due_at"],
            agenda_item=given["agenda_item"],
        )  # fmt: skip
