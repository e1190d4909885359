"""Cases: the list, the panel beside a conversation, handing over and closing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import (
    Http404,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from bayan.cases import selectors, services, stages
from bayan.cases.answering.reading import for_case as answers_for
from bayan.cases.answering.views import together
from bayan.cases.ending import in_words as ending_in_words
from bayan.cases.filtering import Asked, chosen, filters_in, query_of
from bayan.cases.forms import PROMISES, AssignForm, CloseForm, DescribeForm
from bayan.cases.models import Burst, Case, CaseQuerySet, Related
from bayan.cases.routing.reading import why_there
from bayan.cases.surge import band
from bayan.cases.surge.lanes import LANES
from bayan.cases.surge.models import Handled
from bayan.cases.whole.deadlines import why_due
from bayan.cases.whole.file import document
from bayan.cases.whole.models import Team
from bayan.cases.whole.story import story_of
from bayan.cases.words import closing_words
from bayan.channels import services as channels
from bayan.core import maps, notices
from bayan.core.events import phone_numbers
from bayan.core.exports import csv_response
from bayan.core.files import file_response
from bayan.core.paging import Cursor
from bayan.core.references import LENGTH, digits_in, is_reference
from bayan.core.views import refusal, uuid_in
from bayan.inbox import selectors as inbox
from bayan.inbox import services as inbox_services
from bayan.inbox.models import Conversation, SavedView
from bayan.inbox.services import Done
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import Access, StaffRequest, requires

# More at once are a matter for a narrower filter.
MOST_AT_ONCE = 5_000


@require_GET
@requires("cases.read")
def cases(request: StaffRequest) -> HttpResponse:
    """The list of cases: open ones as they are due. A number typed into the search finds its case."""
    asked = Asked.by(request.GET)
    now = timezone.now()
    after = request.GET.get("after")
    context = _frame(request, asked, now=now) | {
        "page": selectors.page_of_cases(
            asked.filters,
            member=request.user,
            now=now,
            found=asked.found,
            after=Cursor.read(after) if after else None,
        ),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/cases.html{part}", context)


@require_GET
@requires("cases.read")
def board(request: StaffRequest) -> HttpResponse:
    """Open cases by their stage, each column as they are due."""
    asked = Asked.by(request.GET, view="open")
    now = timezone.now()
    columns = selectors.columns_of(asked.filters, member=request.user, now=now, found=asked.found)
    context = _frame(request, asked, now=now) | {"columns": columns}
    part = "#list" if request.htmx else ""
    return render(request, f"cases/board.html{part}", context)


@require_GET
@requires("cases.read")
def chart(request: StaffRequest) -> HttpResponse:
    """Open cases on the map, gathered where they lie close together, and the same as a list."""
    asked = Asked.by(request.GET, view="open")
    now = timezone.now()
    spots = selectors.spots(asked.filters, member=request.user, now=now, found=asked.found)
    points = [(spot.latitude, spot.longitude) for spot in spots]
    drawn = (
        maps.region(points, is_within_reach=True, borders=selectors.borders()) if spots else None
    )
    context = _frame(request, asked, now=now) | {
        "map": drawn,
        "spots": list(zip(drawn.marks, spots, strict=True)) if drawn else [],
        "placed": sum(spot.count for spot in spots),
        "cases": selectors.soonest_placed(
            asked.filters, member=request.user, now=now, found=asked.found
        ),
    }
    part = "#list" if request.htmx else ""
    return render(request, f"cases/map.html{part}", context)


@require_GET
@requires("cases.read")
def bursts(request: StaffRequest) -> HttpResponse:
    """Where far more was written than usual, the latest first."""
    now = timezone.now()
    home = request.access.main_role
    context = {
        "bursts": selectors.bursts(now=now),
        "duty": people.on_duty(home.node, now=now) if home else None,
        "may_see": request.access.may("cases.close"),
    }
    return render(request, f"cases/bursts.html{'#list' if request.htmx else ''}", context)


@require_GET
@requires("cases.read")
def forwards(request: StaffRequest) -> HttpResponse:
    """What members passed on to the authority's number, and what became of it."""
    view = request.GET.get("state", "all")
    view = view if view in selectors.FORWARD_VIEWS else "all"
    words = request.GET.get("q", "").strip()[:100]
    after = request.GET.get("after")
    rows, cursor = selectors.page_of_forwards(
        view, words, after=Cursor.read(after) if after else None
    )
    context = {
        "rows": rows,
        "next_cursor": cursor,
        "counts": {} if after else selectors.counts_of_forwards(words),
        "state": view,
        "words": words,
        "numbers": phone_numbers(),
        "is_linked": request.user.phone_linked_at is not None,
        "may_ask": request.access.may("letters.write"),
    }
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"cases/forwards.html{part}", context)


@require_POST
@requires("cases.close")
def see_burst(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a burst off the first page."""
    burst = get_object_or_404(Burst.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.close", burst.node)
    services.see_burst(public_id, by=request.user, now=timezone.now())
    if request.htmx:
        return HttpResponse()
    return redirect("cases:bursts")


@require_POST
@requires("cases.close")
def gather_burst(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make one matter of the open cases that a burst is made of."""
    burst = get_object_or_404(Burst.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.close", burst.node)
    rows = selectors.cases_of(burst)
    bodies = Node.objects.filter(pk__in=rows.values("node"))
    theirs = [node.pk for node in bodies if request.access.may("cases.close", node)]
    if request.POST.get("do") == "answer":
        return together(request, Case.objects.filter(pk__in=rows.filter(node__in=theirs)))
    done = services.gather(rows.filter(node__in=theirs), by=request.user, now=timezone.now())
    notices.say(
        request,
        ngettext(
            "%(count)s case was joined to the first one.",
            "%(count)s cases were joined to the first one.",
            done.count,
        )
        % {"count": done.count},
        undo=done.undo,
    )
    if request.htmx:
        return HttpResponse()
    return redirect("cases:bursts")


def _frame(request: StaffRequest, asked: Asked, *, now: datetime) -> dict[str, Any]:
    """What list, board and map have in common: filters, counts and views of one's own."""
    filters = asked.filters
    return {
        "filters": filters,
        "state": filters.view,
        "words": filters.words,
        "query": query_of(filters),
        "is_narrowed": bool(
            filters.body
            or filters.kind
            or filters.category
            or filters.priority
            or filters.stage
            or filters.owner
            or filters.lane
        ),
        # Read out on the phone, a digit is soon wrong: the check digit tells.
        "is_mistyped": _is_mistyped(filters.words),
        "is_near": asked.found is not None and asked.found.is_near,
        "is_cut": asked.found is not None and asked.found.is_cut,
        "now": now,
        "counts": asked.counts(member=request.user, now=now),
        "may_act": request.access.may("cases.assign"),
        "may_close": request.access.may("cases.close"),
        "outcomes": Case.Outcome.choices,
        "closing_words": closing_words(),
        "lane": LANES.get(filters.lane, ""),
        "surge_words": band.is_on(),
        "saved_views": inbox.saved_views_of(request.user, SavedView.Page.CASES),
    }


@require_GET
@requires("cases.read")
def choices(request: StaffRequest) -> HttpResponse:
    """What the menus offer: by what cases can be narrowed, who may handle them, which bodies there are."""
    part = request.GET.get("part", "")
    part = part if part in {"colleagues", "bodies"} else "narrow"
    access = request.access
    nodes = inbox.nodes_seen(request.access)
    municipalities = [node for node in nodes if not node.is_desk]
    context = {
        "filters": filters_in(request.GET),
        "bodies": nodes if len(nodes) > 1 else [],
        "municipalities": municipalities,
        # Whoever works in one alone has none to pass on to.
        "other_municipalities": municipalities if len(municipalities) > 1 else [],
        "departments": _departments(access) if part == "bodies" else [],
        "sees_desk": access.may_everywhere("cases.read"),
        "colleagues": people.answering(nodes, now=timezone.now()) if part != "bodies" else [],
        "teams": selectors.teams(nodes) if part == "colleagues" else [],
        "kinds": Case.Kind.choices,
        "categories": Case.Category.choices,
        "priorities": Case.Priority.choices,
        "stages": Case.Stage.choices,
    }
    return render(request, f"cases/choices.html#{part}", context)


def _departments(access: Access) -> list[tuple[str, list[Node]]]:
    """Under the bodies to which they belong, those to which the reader may pass cases on."""
    groups = [
        (
            label,
            [
                node
                for node in nodes
                if node.kind == Node.Kind.DEPARTMENT and access.may("cases.assign", node)
            ],
        )
        for label, nodes in organisation.nodes_in_groups()
    ]
    return [(label, nodes) for label, nodes in groups if nodes]


@require_POST
@requires("cases.assign")
def act(request: StaffRequest) -> HttpResponse:
    """Do one thing with the chosen cases, or with all that the filters let through."""
    now = timezone.now()
    rows = chosen(request.POST, member=request.user, now=now, most=MOST_AT_ONCE)
    rows = rows.filter(node__lineage__overlap=request.access.bodies_of("cases.assign"))
    name, _colon, value = request.POST.get("do", "").partition(":")
    if name == "answer":
        # It joins them, too.
        return together(
            request, rows.filter(node__lineage__overlap=request.access.bodies_of("cases.close"))
        )
    if name == "close":
        return _end_together(request, rows, now)
    verb = {
        "pass": _pass_on,
        "back": _give_back,
        "give": _give,
        "priority": _set_priority,
        "together": _handle_together,
    }.get(name)
    if verb is None:
        raise Http404
    done, said = verb(request, rows, value, now)
    if not done.count:
        return refusal(
            request,
            _("Nothing was changed: these cases are closed, or it was so already."),
            status=422,
        )
    return _said(request, done, said)


def _said(request: StaffRequest, done: Done, said: str) -> HttpResponse:
    notices.say(request, said, undo=done.undo)
    if request.htmx:
        return HttpResponse()
    return redirect(f"{reverse('cases:cases')}?{request.POST.get('query', '')[:600]}")


@require_GET
@requires("cases.assign")
def matching(request: StaffRequest) -> HttpResponse:
    """How many cases "all that match" takes, and what it leaves: the page's own counts end earlier."""
    now = timezone.now()
    asked = Asked.by(QueryDict(request.GET.get("query", "")), is_all=True)
    keys = asked.in_order(member=request.user, now=now).values("pk")
    may = request.access.bodies_of("cases.assign")
    first = keys[:MOST_AT_ONCE]
    context = {
        "count": Case.objects.filter(pk__in=first, node__lineage__overlap=may).count(),
        "is_more": bool(keys[MOST_AT_ONCE : MOST_AT_ONCE + 1]),
        "looked_through": inbox.ALL_THAT_MATCH if asked.found and asked.found.is_cut else 0,
    }
    return render(request, "cases/matching.html", context)


def _end_together(request: StaffRequest, rows: CaseQuerySet, now: datetime) -> HttpResponse:
    """Close many, and say whom it does not reach and what it leaves open."""
    ended = services.end_together(
        rows.filter(node__lineage__overlap=request.access.bodies_of("cases.close")),
        outcome=request.POST.get("outcome", ""),
        words=request.POST.get("words", ""),
        by=request.user,
        now=now,
    )
    said = ending_in_words(ended)
    if not ended.done.count:
        return refusal(request, said, status=422)
    return _said(request, ended.done, said)


def _pass_on(
    request: StaffRequest, rows: CaseQuerySet, value: str, now: datetime
) -> tuple[Done, str]:
    to = get_object_or_404(Node.objects.targets(), key=value)
    # Row-level security refuses a body that one does not see; the words come from here.
    request.access.require("cases.assign", to)
    reason = request.POST.get("reason", "")
    done = services.pass_on(rows, to=to, reason=reason, by=request.user, now=now)
    return done, _passed_on(done.count, to)


def _passed_on(count: int, to: Node) -> str:
    said = ngettext(
        "%(count)s case was passed on to %(body)s.",
        "%(count)s cases were passed on to %(body)s.",
        count,
    )
    return said % {"count": count, "body": to.name}


def _give_back(
    request: StaffRequest, rows: CaseQuerySet, value: str, now: datetime
) -> tuple[Done, str]:
    reason = request.POST.get("reason", "")
    done = services.give_back(rows, reason=reason, by=request.user, now=now)
    said = ngettext(
        "%(count)s case was given back to the authority.",
        "%(count)s cases were given back to the authority.",
        done.count,
    )
    return done, said % {"count": done.count}


def _give(request: StaffRequest, rows: CaseQuerySet, value: str, now: datetime) -> tuple[Done, str]:
    kind, _colon, key = value.partition(":")
    if kind == "team":
        return _give_to_team(request, rows, key, now)
    if value == "me":
        to: Member | None = request.user
    else:
        to = get_object_or_404(Member, public_id=uuid_in(value)) if value else None
    done = services.give_to(rows, to=to, by=request.user, now=now)
    if to is None:
        said = ngettext(
            "Nobody in particular handles %(count)s case now.",
            "Nobody in particular handles %(count)s cases now.",
            done.count,
        )
    else:
        said = ngettext(
            "%(name)s handles %(count)s case now.",
            "%(name)s handles %(count)s cases now.",
            done.count,
        )
    return done, said % {"count": done.count, "name": to.name if to else ""}


def _give_to_team(
    request: StaffRequest, rows: CaseQuerySet, key: str, now: datetime
) -> tuple[Done, str]:
    team = get_object_or_404(
        Team.objects.select_related("node"), public_id=uuid_in(key), ended_at=None
    )
    request.access.require("cases.assign", team.node)
    done = services.give_to_team(rows, team=team, by=request.user, now=now)
    said = ngettext(
        "%(count)s case was shared out in “%(team)s”.",
        "%(count)s cases were shared out in “%(team)s”.",
        done.count,
    )
    return done, said % {"count": done.count, "team": team.name}


def _set_priority(
    request: StaffRequest, rows: CaseQuerySet, value: str, now: datetime
) -> tuple[Done, str]:
    done = services.set_priority(rows, priority=value, by=request.user, now=now)
    said = ngettext(
        "%(count)s case is “%(priority)s” now.",
        "%(count)s cases are “%(priority)s” now.",
        done.count,
    )
    return done, said % {"count": done.count, "priority": Case.Priority(value).label}


def _handle_together(
    request: StaffRequest, rows: CaseQuerySet, value: str, now: datetime
) -> tuple[Done, str]:
    if value not in Handled.How.values:
        raise Http404
    rows = rows.filter(node__lineage__overlap=request.access.bodies_of("cases.close"))
    how = Handled.How(value)
    done = services.handle_together(rows, how=how, by=request.user, now=now)
    said = (
        ngettext(
            "%(count)s person will be pointed to the statement in ten seconds.",
            "%(count)s people will be pointed to the statement in ten seconds.",
            done.count,
        )
        if how == Handled.How.POINTED
        else ngettext(
            "%(count)s case will be closed without an answer in ten seconds.",
            "%(count)s cases will be closed without an answer in ten seconds.",
            done.count,
        )
    )
    return done, said % {"count": done.count}


@require_POST
@requires("cases.read")
def save_view(request: StaffRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    query = query_of(filters_in(QueryDict(request.POST.get("query", ""))))
    view = inbox_services.save_view(
        page=SavedView.Page.CASES, name=request.POST.get("name", ""), query=query, by=request.user
    )
    notices.say(request, _("The view “%(name)s” was saved.") % {"name": view.name})
    return redirect(f"{reverse('cases:cases')}?{query}")


@require_GET
@requires("cases.read")
def export(request: StaffRequest) -> StreamingHttpResponse:
    """The cases of a list as a file for spreadsheets."""
    asked = Asked.by(request.GET, is_all=True)
    now = timezone.now()
    # The stream reads with the worker's eyes: only what the member sees is let through here.
    visible = list(people.visible_node_ids(request.user))
    found = asked.rows(member=request.user, now=now).filter(node__in=visible)
    inbox_services.note_export(
        "cases.exported",
        found.count(),
        access=request.access,
        now=now,
        view=asked.filters.view,
        body=asked.filters.body,
    )
    heading = [
        _("Case number"), _("Subject"), _("Name"), _("Body in charge"), _("Kind"), _("Category"),
        _("Priority"), _("Stage"), _("Who handles it"), _("Opened"), _("Due"), _("Closed"), _("Outcome"),
        _("Satisfaction"), _("Place"), _("940 or Balady report number"), _("Transaction number"),
        _("What shows it"),
    ]  # fmt: skip
    return csv_response("cases", heading, lambda after: selectors.written(found, after=after))


@require_GET
@requires("cases.read")
def panel(request: StaffRequest, conversation_id: UUID) -> HttpResponse:
    """The case of a conversation, as the panel beside it shows it."""
    conversation = inbox.thread_of(conversation_id, reader=request.user, now=timezone.now())
    if conversation is None:
        raise Http404
    return _panel(request, conversation, selectors.latest_of(conversation))


@require_POST
@requires("cases.assign")
def assign(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Give the case to a municipality."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.assign", case.node)
    form = AssignForm(request.POST, targets=Node.objects.targets())
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    to = form.cleaned_data["to"]
    # Row-level security refuses a body that one does not see; the words come from here.
    request.access.require("cases.assign", to)
    remark = form.cleaned_data["remark"]
    case, done = services.pass_on_one(
        public_id, to=to, by=request.user, now=timezone.now(), remark=remark
    )
    notices.say(request, _passed_on(done.count, to), undo=done.undo)
    # The conversation may have become part of another one, so the page is fetched anew.
    if request.htmx:
        return HttpResponseClientRedirect(_conversation_url(case))
    return redirect(_conversation_url(case))


@require_POST
@requires("cases.assign")
def give_back(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Give the case back to the authority's desk, with a reason."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.assign", case.node)
    done, said = _give_back(request, Case.objects.filter(pk=case.pk), "", timezone.now())
    if not done.count:
        return refusal(
            request,
            _("Nothing was changed: the case is closed, or stands at the authority's desk."),
        )
    notices.say(request, said, undo=done.undo)
    # Whoever gave it away does not see it any more: the work list is where one goes on.
    there = Case.objects.filter(pk=case.pk).select_related("conversation").first()
    address = _conversation_url(there) if there else reverse("cases:cases")
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@require_POST
@requires("cases.close")
def close(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Close the case and ask the person how content they are."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.close", case.node)
    form = CloseForm(request.POST, request.FILES)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    case = services.close_case(
        public_id,
        outcome=form.cleaned_data["outcome"],
        words=form.cleaned_data["words"],
        by=request.user,
        now=timezone.now(),
        basis=form.basis,
        picture=form.attached,
        place=form.cleaned_data["place"],
    )
    if not request.htmx:
        return redirect(_conversation_url(case))
    return _panel(request, case.conversation, selectors.latest_of(case.conversation))


@require_POST
@requires("cases.close")
def attempt(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Note that the person was tried, in vain."""
    case = _checked(request, public_id)
    services.note_attempt(
        public_id,
        way=request.POST.get("way", ""),
        note=request.POST.get("note", ""),
        by=request.user,
        now=timezone.now(),
    )
    notices.say(request, _("The attempt is noted."))
    return _shown(request, _fresh(case))


@require_safe
@requires("cases.read")
def picture(request: StaffRequest, public_id: UUID, media_id: UUID) -> HttpResponseBase:
    """A picture that shows a case as put right; it may have come by another body's chat."""
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.read", case.node)
    media = selectors.proof_of(case, media_id)
    path = channels.media_path(media) if media else None
    if media is None or path is None or not path.is_file():
        raise Http404
    return file_response(
        request,
        path,
        mime_type=media.mime_type,
        name=media.name or f"{media.public_id}",
        etag=media.sha256,
        to_save="download" in request.GET,
    )


@require_GET
@requires("cases.read")
def case_file(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The case as a document to print; internal notes and who the person is only with a tick."""
    case = get_object_or_404(
        Case.objects.select_related(
            "node", "contact", "conversation", "owner", "closed_by", "closing__proof"
        ),
        public_id=public_id,
    )
    access, now = request.access, timezone.now()
    access.require("cases.read", case.node)
    with_notes, with_person = "notes" in request.GET, "person" in request.GET
    if with_person:
        access.require("contacts.manage", case.node)
    services.note_printed(
        case, with_notes=with_notes, with_person=with_person, by=request.user, now=now
    )
    pdf = document(
        case, with_notes=with_notes, with_person=with_person, now=now, by=str(request.user.name)
    )
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{case.reference}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_POST
@requires("cases.close")
def describe(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write down what is known of the case."""
    case = _checked(request, public_id)
    form = DescribeForm(request.POST)
    if not form.is_valid():
        return refusal(request, str(next(iter(form.errors.values()))[0]), status=422)
    case = services.describe(public_id, form.facts, by=request.user, now=timezone.now())
    notices.say(request, _("What is known of the case was saved."))
    return _shown(request, case)


@require_POST
@requires("cases.close")
def label(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Set kind, category or priority by one click: triage was wrong, or it was right after all."""
    case = _checked(request, public_id)
    done = services.sort(
        Case.objects.filter(pk=case.pk),
        field=request.POST.get("field", ""),
        value=request.POST.get("value", ""),
        by=request.user,
        now=timezone.now(),
    )
    if done.count:
        notices.say(request, _("Corrected, and kept to learn from."), undo=done.undo)
    return _shown(request, _fresh(case))


@require_POST
@requires("cases.close")
def join(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say that the case is about the same matter as another, named by its id or its number."""
    case = _checked(request, public_id)
    given = request.POST.get("other", "").strip()
    key = uuid_in(given)
    found = Case.objects.filter(public_id=key) if key else _numbered(given)
    other = found.select_related("node").first()
    if other is None:
        return refusal(
            request, _("There is no case with this number that you may see."), status=422
        )
    request.access.require("cases.close", other.node)
    done = services.join_case(public_id, into=other, by=request.user, now=timezone.now())
    notices.say(request, _("One matter now."), undo=done.undo)
    return _shown(request, _fresh(case))


def _numbered(given: str) -> CaseQuerySet:
    return Case.objects.filter(reference=digits_in(given) or "-")


@require_POST
@requires("cases.close")
def link(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say that the case has to do with another one, named by its number."""
    case = _checked(request, public_id)
    other = _numbered(request.POST.get("other", "")).first()
    if other is None:
        return refusal(
            request, _("There is no case with this number that you may see."), status=422
        )
    done = services.link_case(
        case, to=other, kind=request.POST.get("kind", ""), by=request.user, now=timezone.now()
    )
    notices.say(request, _("Linked."), undo=done.undo)
    return _shown(request, _fresh(case))


@require_POST
@requires("cases.close")
def unlink(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a link to another case away."""
    case = _checked(request, public_id)
    other = _numbered(request.POST.get("other", "")).first()
    if other is not None:
        done = services.unlink_case(case, other=other, by=request.user, now=timezone.now())
        if done.count:
            notices.say(request, _("The link is taken away."), undo=done.undo)
    return _shown(request, _fresh(case))


@require_POST
@requires("cases.close")
def part(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let the case be a matter of its own again."""
    case = _checked(request, public_id)
    done = services.part_case(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("It is a matter of its own again."), undo=done.undo)
    return _shown(request, _fresh(case))


@require_POST
@requires("cases.close")
def tell_apart(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say that another case that seemed alike is about something else."""
    case = _checked(request, public_id)
    key = uuid_in(request.POST.get("other", ""))
    other = Case.objects.filter(public_id=key).first() if key else None
    # What is no longer there is asked no more.
    if other is not None:
        services.tell_apart(case, other=other, by=request.user, now=timezone.now())
    return _shown(request, _fresh(case))


def _fresh(case: Case) -> Case:
    return Case.objects.select_related("conversation", "node").get(pk=case.pk)


@require_GET
@requires("cases.close")
def point(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The map on which the case's place is chosen; fetched when somebody wants to."""
    case = _checked(request, public_id)
    return render(request, "cases/panel.html#point", {"case": case, "map": maps.region()})


@require_POST
@requires("cases.close")
def step(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take the case to its next stage."""
    _checked(request, public_id)
    case = services.take_step(
        public_id, request.POST.get("step", ""), by=request.user, now=timezone.now()
    )
    return _shown(request, case)


@require_POST
@requires("cases.close")
def promise(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Note by when the person was promised news."""
    checked = _checked(request, public_id)
    now = timezone.now()
    within = PROMISES.get(request.POST.get("within", ""))
    until = organisation.calendar(checked.node_id).add(now, within[0]) if within else now
    case = services.promise(public_id, until=until, by=request.user, now=now)
    notices.say(request, _("Noted. You are reminded before it."))
    return _shown(request, case)


@require_POST
@requires("cases.close")
def reopen(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Open a closed case again."""
    _checked(request, public_id)
    case = services.reopen_case(public_id, by=request.user, now=timezone.now())
    return _shown(request, case)


def _checked(request: StaffRequest, public_id: UUID) -> Case:
    case = get_object_or_404(Case.objects.select_related("node"), public_id=public_id)
    request.access.require("cases.close", case.node)
    return case


def _shown(request: StaffRequest, case: Case) -> HttpResponse:
    if not request.htmx:
        return redirect(_conversation_url(case))
    # A card of the board follows by itself.
    if request.POST.get("from") == "board":
        return HttpResponse()
    return _panel(request, case.conversation, selectors.latest_of(case.conversation))


def _panel(request: StaffRequest, conversation: Conversation, case: Case | None) -> HttpResponse:
    same = selectors.same_matter(case) if case else None
    may_close = case is not None and request.access.may("cases.close", case.node)
    story = story_of(case) if case else None
    earlier = selectors.earlier_cases(conversation, but=case)
    return render(
        request,
        # A page of its own where there is no room beside the conversation.
        f"cases/panel.html{'#panel' if request.htmx else ''}",
        {
            "conversation": conversation,
            "case": case,
            "timeline": story.lines if story else [],
            "may_see_deadlines": request.access.may("deadlines.read"),
            "why_due": why_due(case) if case and not case.is_closed else "",
            "came": story.came if story else None,
            "earlier_cases": earlier,
            "also_open": [
                one
                for one in earlier
                if one.conversation_id == conversation.pk and not one.is_closed
            ],
            "phone": selectors.phone_of(conversation),
            "may_assign": case is not None
            and request.access.may("cases.assign", case.node)
            and case.node.is_desk,
            "may_give_back": case is not None
            and not case.is_closed
            and not case.node.is_desk
            and request.access.may("cases.assign", case.node),
            "sees_desk": request.access.may_everywhere("cases.read"),
            "may_name": case is not None and request.access.may("contacts.manage", case.node),
            "may_close": may_close,
            "may_ask_facts": case is not None and request.access.may("letters.write"),
            "decides_period": case is not None
            and request.access.may("retention.decide", case.node),
            "steps": stages.steps_from(case.stage) if case else [],
            "understood": selectors.understood(case) if case else None,
            "passed_on": case is not None and selectors.is_passed_on_often(case),
            "routed": why_there(case) if case else None,
            "whereabouts": selectors.whereabouts(case) if case else None,
            "same": same,
            "answers": answers_for(case, is_shared=bool(same and same.reporters)) if case else None,
            "may_reply": case is not None and request.access.may("conversations.reply", case.node),
            "links": selectors.links_of(case) if case else [],
            "link_kinds": Related.Kind.choices,
            "forwards": selectors.forwards_of(case) if case else [],
            "describe_form": DescribeForm.of(case) if case else None,
            "now": timezone.now(),
            "is_writable": conversation.is_writable(now=timezone.now()),
            "assign_form": AssignForm(targets=Node.objects.municipalities().order_by("position")),
            "pass_targets": _targets(request, case) if case else [],
            "close_form": CloseForm(),
            "closing": selectors.closing_facts(case, may_close=may_close) if case else None,
            "promises": [(key, label) for key, (_length, label) in PROMISES.items()],
            "closing_words": closing_words(conversation.contact.language),
        },
    )


def _targets(request: StaffRequest, case: Case) -> list[Node]:
    """To which bodies the reader may pass on a case that one has already."""
    access = request.access
    if case.is_closed or case.node.is_desk or not access.may("cases.assign", case.node):
        return []
    return [
        node
        for node in organisation.nodes().values()
        if node.pk != case.node_id and node.is_target and access.may("cases.assign", node)
    ]


def _is_mistyped(words: str) -> bool:
    digits = digits_in(words)
    return len(digits) == LENGTH and not is_reference(digits)


def _conversation_url(case: Case) -> str:
    return reverse("inbox:conversation", args=[case.conversation.public_id])
