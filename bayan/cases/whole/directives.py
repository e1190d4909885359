"""Pages of the register of directives; PostgreSQL shows each reader only what is theirs to see."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from bayan.cases import services
from bayan.cases.models import Case, Directive
from bayan.core import notices
from bayan.core.exports import small_csv
from bayan.core.forms import Controls
from bayan.core.models import AuditEntry
from bayan.core.paging import Cursor, counts_of, page_of
from bayan.core.references import digits_in
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox_services
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires

VIEWS = ("open", "late", "done", "all")
SHOWN, LOOKS, MOST_SAVED = 50, 50, 5_000
TERMS = {
    "7": (timedelta(hours=7), gettext_lazy("One working day")),
    "21": (timedelta(hours=21), gettext_lazy("Three working days")),
    "35": (timedelta(hours=35), gettext_lazy("Five working days")),
    "70": (timedelta(hours=70), gettext_lazy("Ten working days")),
}


class MemberField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of members, by name."""

    def label_from_instance(self, obj: Member) -> str:
        return str(obj.name)


class DirectiveForm(Controls):
    """An instruction as it is written down."""

    giver = forms.CharField(
        label=gettext_lazy("Who gave it"),
        max_length=120,
        help_text=gettext_lazy("As it is to stand in the register: office, then name."),
    )
    given_by = MemberField(
        label=gettext_lazy("If it is a member, they see it too"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="—",
    )
    given_on = forms.DateField(
        label=gettext_lazy("Given on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=140)
    text = forms.CharField(
        label=gettext_lazy("The directive"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    owner = MemberField(
        label=gettext_lazy("Who does it"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
        empty_label=gettext_lazy("Choose a member"),
    )
    term = forms.ChoiceField(
        label=gettext_lazy("Within"),
        choices=[(key, label) for key, (_length, label) in TERMS.items()],
        initial="21",
    )
    case = forms.CharField(
        label=gettext_lazy("Number of the case, if it is about one"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "numeric"}),
        help_text=gettext_lazy("The case keeps its own time: nobody's is shorter."),
    )

    def __init__(self, *args: Any, node: Node, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("given_by", "owner"):
            field = self.fields[name]
            assert isinstance(field, MemberField)  # noqa: S101  # ours, above
            field.queryset = people.staff_of(node, now=now)
        self.fields["given_on"].initial = timezone.localdate(now)

    def clean_case(self) -> Case | None:
        digits = digits_in(self.cleaned_data["case"])
        if not digits:
            return None
        found = Case.objects.filter(reference=digits).first()
        if found is None:
            raise forms.ValidationError(_("There is no case with this number that you may see."))
        return found


def shown() -> QuerySet[Directive]:
    """The directives that the reader may see, with all that a row shows."""
    return Directive.objects.select_related("node", "case", "item__owner", "item__node")


def _narrowed(words: str) -> QuerySet[Directive]:
    rows = Directive.objects.all()
    digits = digits_in(words)
    for word in words.split():
        named = Q(subject__icontains=word) | Q(giver__icontains=word)
        if digits:
            named |= Q(case__reference=digits)
            if len(digits) < 9:
                named |= Q(number=int(digits))
        rows = rows.filter(named)
    return rows


def _views(rows: QuerySet[Directive], *, now: datetime) -> dict[str, QuerySet[Directive]]:
    opened = rows.filter(item__state="open")
    return {
        "open": opened,
        "late": opened.filter(item__due_at__lt=now),
        "done": rows.exclude(item__state="open"),
        "all": rows,
    }


@require_GET
@requires("work.do")
def register(request: StaffRequest) -> HttpResponse:
    """The directives that the reader gave, wrote down, does, or has in a body that they head."""
    now = timezone.now()
    view = request.GET.get("view", "open")
    view = view if view in VIEWS else "open"
    words = request.GET.get("q", "").strip()[:100]
    after = request.GET.get("after")
    views = _views(_narrowed(words), now=now)
    page = page_of(
        views[view].select_related("node", "case", "item__owner", "item__node"),
        newest="registered_at",
        after=Cursor.read(after) if after else None,
        limit=SHOWN,
    )
    if page.rows:
        services.note_directives(len(page.rows), access=request.access, now=now)
    context = {
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "view": view,
        "words": words,
        "counts": {} if after else counts_of(views),
        "may_register": request.access.may("directives.read"),
        "now": now,
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/directives.html{part}", context)


@require_GET
@requires("directives.read")
def export(request: StaffRequest) -> HttpResponse:
    """The register as a file for spreadsheets."""
    now = timezone.now()
    view = request.GET.get("view", "all")
    rows = _views(_narrowed(request.GET.get("q", "").strip()[:100]), now=now).get(view)
    found = list(
        (rows if rows is not None else Directive.objects.all())
        .select_related("node", "case", "item__owner")
        .order_by("-registered_at", "-pk")[:MOST_SAVED]
    )
    heading = [
        _("Number"), _("Body in charge"), _("Who gave it"), _("Given on"), _("Subject"), _("Who does it"),
        _("Due"), _("State"), _("Case number"),
    ]  # fmt: skip
    inbox_services.note_export(
        "directives.exported", len(found), access=request.access, now=now, view=view
    )
    lines = [
        [
            str(one.number), one.node.name, one.giver, one.given_on.isoformat(), one.subject,
            one.item.owner.name if one.item.owner else "",
            timezone.localtime(one.item.due_at).strftime("%Y-%m-%d %H:%M"),
            one.item.get_state_display(), one.case.reference if one.case else "",
        ]
        for one in found
    ]  # fmt: skip
    return small_csv("directives", [heading, *lines])


@require_http_methods(["GET", "POST"])
@requires("directives.read")
def new(request: StaffRequest) -> HttpResponse:
    """Write a directive down."""
    now = timezone.now()
    bodies = Node.objects.filter(pk__in=request.access.bodies_of("directives.read"))
    node = min(bodies, key=lambda one: len(one.lineage))
    form = DirectiveForm(request.POST or None, node=node, now=now)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = services.register_directive(
            services.Instruction(
                node=node,
                giver=given["giver"],
                given_by=given["given_by"],
                given_on=given["given_on"],
                subject=given["subject"],
                text=given["text"],
                owner=given["owner"],
                due_at=organisation.calendar(node.pk).add(now, TERMS[given["term"]][0]),
                case=given["case"],
            ),
            by=request.user,
            now=now,
        )
        notices.say(request, _("Written down. Whoever does it is told its number."))
        return redirect("cases:directive", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "cases/new_directive.html", {"form": form, "node": node}, status=status)


@require_GET
@requires("work.do")
def directive(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One directive, and who looked at it; this look is noted first."""
    now = timezone.now()
    found = get_object_or_404(
        shown().select_related("given_by", "registered_by", "case__conversation", "item__ended_by"),
        public_id=public_id,
    )
    services.look_at_directive(found, by=request.user, now=now)
    with as_worker():
        # Whoever sees the directive sees who looked, wherever those work.
        looks = list(
            AuditEntry.objects.filter(
                subject_type=services.DIRECTIVE,
                subject_key=str(found.public_id),
                action="directive.looked",
            ).order_by("-pk")[:LOOKS]
        )
    context = {"directive": found, "looks": people.in_words(looks), "now": now}
    return render(request, "cases/directive.html", context)
