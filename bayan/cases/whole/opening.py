"""Pages by which a case is opened by hand: for who called or came, or as a second one of a conversation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from bayan.cases import selectors, services
from bayan.cases.models import Case
from bayan.core import maps, notices
from bayan.core.errors import DomainError
from bayan.core.forms import Controls
from bayan.core.references import grouped
from bayan.core.views import refusal, uuid_in
from bayan.inbox import selectors as inbox
from bayan.organisation.models import Node
from bayan.people.permissions import Access, StaffRequest, requires

READ = ("", gettext_lazy("As Bayan reads it"))


class PlaceForm(Controls):
    """Where something is: its words, and the pin beside them (cases/place_fields.html)."""

    place = forms.CharField(
        label=gettext_lazy("Where it is"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    # The pin, beside its words (cases/place_fields.html).
    latitude = forms.FloatField(
        min_value=-90, max_value=90, required=False, widget=forms.HiddenInput
    )
    longitude = forms.FloatField(
        min_value=-180, max_value=180, required=False, widget=forms.HiddenInput
    )

    @property
    def point(self) -> tuple[float, float] | None:
        latitude, longitude = (self.cleaned_data.get(name) for name in ("latitude", "longitude"))
        return None if latitude is None or longitude is None else (latitude, longitude)


class FactsForm(PlaceForm):
    """What a member knows of a new case; what is left empty is read from the words."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[READ, *((value, capfirst(label)) for value, label in Case.Kind.choices)],
        required=False,
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Category"),
        choices=[READ, *((value, capfirst(label)) for value, label in Case.Category.choices)],
        required=False,
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        choices=[READ, *((value, capfirst(label)) for value, label in Case.Priority.choices)],
        required=False,
    )

    @property
    def facts(self) -> services.Facts:
        given = self.cleaned_data
        return services.Facts(
            subject=given.get("subject", ""),
            kind=given["kind"],
            category=given["category"],
            priority=given["priority"],
            place=given["place"],
            point=self.point,
        )


class SplitForm(FactsForm):
    """What the second case is about, and who handles it; its messages are ticked beside it."""

    subject = forms.CharField(
        label=gettext_lazy("What the second case is about"),
        max_length=140,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    owner = forms.ChoiceField(
        label=gettext_lazy("Who handles it"),
        choices=[("me", gettext_lazy("Me")), ("", gettext_lazy("Nobody in particular"))],
        required=False,
        initial="me",
    )
    field_order = ("subject", "kind", "category", "priority", "place", "owner")


class CallForm(FactsForm):
    """What somebody said who called or came to the counter."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    source = forms.ChoiceField(
        label=gettext_lazy("How it reached you"),
        choices=[
            (Case.Source.CALL.value, pgettext_lazy("how it reached you", "By a call")),
            (Case.Source.COUNTER.value, pgettext_lazy("how it reached you", "At the counter")),
            (Case.Source.OTHER.value, pgettext_lazy("how it reached you", "Another way")),
        ],
    )
    node = forms.ChoiceField(label=gettext_lazy("Body in charge"))
    name = forms.CharField(
        label=gettext_lazy("Name of the person"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    phone = forms.CharField(
        label=pgettext_lazy("of a person", "Mobile"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "By it the person is found, and told what becomes of it. Without one they hear nothing."
        ),
    )
    words = forms.CharField(
        label=gettext_lazy("What they said"),
        max_length=3000,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )

    def __init__(self, *args: Any, nodes: list[Node], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["node"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # ours, above
        field.choices = [(node.key, node.name) for node in nodes]


def _bodies(access: Access) -> list[Node]:
    """For which bodies the reader may open a case, their own first."""
    nodes = [node for node in inbox.nodes_seen(access) if access.may("cases.close", node)]
    home = access.main_role.node_id if access.main_role else 0
    return sorted(nodes, key=lambda node: node.pk != home)


@require_http_methods(["GET", "POST"])
@requires("cases.close")
def new(request: StaffRequest) -> HttpResponse:
    """Open a case for who called or came to the counter."""
    nodes = _bodies(request.access)
    data = request.POST if request.method == "POST" else None
    form = CallForm(data, nodes=nodes, initial={"key": uuid4()})
    problem = ""
    if form.is_valid():
        given = form.cleaned_data
        node = next(node for node in nodes if node.key == given["node"])
        call = services.Call(
            key=given["key"],
            source=given["source"],
            words=given["words"],
            name=given["name"],
            phone=given["phone"],
        )
        try:
            case = services.open_called(
                call, form.facts, node=node, by=request.user, now=timezone.now()
            )
        except DomainError as refused:
            # What was typed while somebody is on the phone stays.
            problem = str(refused)
        else:
            notices.say(
                request,
                _("Case %(number)s is open. Read the number to the person.")
                % {"number": grouped(case.reference)},
            )
            return redirect("inbox:conversation", case.conversation.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "cases/new.html", {"form": form, "problem": problem}, status=status)


@require_GET
@requires("cases.close")
def new_point(request: StaffRequest) -> HttpResponse:
    """The map on which the place of a case that is not open yet is chosen; fetched when somebody wants to."""
    at = PlaceForm(request.GET)
    point = at.point if at.is_valid() else None
    latitude, longitude = point or (None, None)
    context = {"map": maps.region(), "latitude": latitude, "longitude": longitude}
    return render(request, "cases/place_fields.html#point", context)


@require_GET
@requires("cases.close")
def whose(request: StaffRequest) -> HttpResponse:
    """Whose place it is by the gazetteer; and the field for the body as it is once that was taken over."""
    bodies = _bodies(request.access)
    taken = request.GET.get("take", "")
    if taken:
        form = CallForm(nodes=bodies, initial={"node": taken})
        return HttpResponse(str(form["node"]))
    at = PlaceForm(request.GET)
    place = selectors.place_meant(at.cleaned_data["place"], at.point) if at.is_valid() else None
    body = place.served_by if place else None
    chosen = request.GET.get("node")
    context = {
        "place": place,
        "body": body,
        # Where the body is chosen in the form, and is another one that the reader may choose.
        "may_take": chosen is not None
        and isinstance(body, Node)
        and body.key != chosen
        and body in bodies,
    }
    return render(request, "cases/place_fields.html#whose", context)


@require_http_methods(["GET", "POST"])
@requires("cases.close")
def split(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make a second case of chosen messages of the person."""
    case = get_object_or_404(
        Case.objects.select_related("node", "conversation__contact"), public_id=public_id
    )
    request.access.require("cases.close", case.node)
    if request.method == "GET":
        context = {
            "case": case,
            "form": SplitForm(auto_id="split-%s"),
            "messages_of": services.messages_of(case),
        }
        return render(request, f"cases/split.html{'#split' if request.htmx else ''}", context)
    form = SplitForm(request.POST)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    keys = [key for given in request.POST.getlist("messages") if (key := uuid_in(given))]
    done = services.split_case(
        public_id,
        form.facts,
        messages=keys,
        owner=request.user if form.cleaned_data["owner"] == "me" else None,
        by=request.user,
        now=timezone.now(),
    )
    notices.say(
        request,
        _("The second case is %(number)s.") % {"number": grouped(done.case.reference)},
        undo=done.undo,
    )
    return _to_conversation(request, case)


@require_POST
@requires("cases.close")
def turn(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let the conversation be about this one of its open cases."""
    case = get_object_or_404(
        Case.objects.select_related("node", "conversation"), public_id=public_id
    )
    request.access.require("cases.close", case.node)
    services.turn_to(public_id, by=request.user, now=timezone.now())
    return _to_conversation(request, case)


def _to_conversation(request: StaffRequest, case: Case) -> HttpResponse:
    # Which case replies belong to is written beside the conversation, too: it is fetched anew.
    address = f"{reverse('inbox:conversation', args=[case.conversation.public_id])}?view=all"
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
