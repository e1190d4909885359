"""The pages of surge mode: on and off, its work and its words, the team, the wall, the summary."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import segno
from allauth.core import ratelimit
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, override, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases import selectors, services
from bayan.cases.models import Burst
from bayan.cases.surge import band, reading
from bayan.cases.surge.forms import BeginForm, LinkForm, WordsForm
from bayan.cases.surge.models import Helper, Surge, TeamLink
from bayan.cases.surge.wall import bars
from bayan.core import notices
from bayan.core.exports import small_csv
from bayan.core.references import grouped
from bayan.core.templatetags.bayan import lasting
from bayan.core.views import refusal, uuid_in
from bayan.inbox import selectors as inbox
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, for_members, requires

TOO_MANY = 429
# A number that no case has, for the preview.
EXAMPLE = "482173095"
managing = requires("surge.manage")


@require_GET
@requires("cases.read")
def surge(request: StaffRequest) -> HttpResponse:
    """The surge under way that concerns the reader; where none is, switching it on.

    `all`: where else it is on or can be switched on, and what was.
    """
    now = timezone.now()
    found = None if "all" in request.GET else _chosen(request)
    if found is None:
        return _quiet(request, BeginForm(nodes=_nodes(request)), now=now)
    if request.htmx:
        return render(request, "cases/surge.html#now", _now(request, found, now=now))
    return _page(request, found, WordsForm.of(found), now=now)


def _chosen(request: StaffRequest) -> Surge | None:
    surges = reading.surges_on()
    wanted = uuid_in(request.GET.get("of", ""))
    return next((one for one in surges if one.public_id == wanted), surges[0] if surges else None)


def _nodes(request: StaffRequest) -> list[Node]:
    taken = {one.node_id for one in reading.surges_on()}
    return [
        node
        for node in inbox.nodes_seen(request.access)
        if node.pk not in taken and request.access.may("surge.manage", node)
    ]


def _quiet(request: StaffRequest, form: BeginForm, *, now: datetime) -> HttpResponse:
    context = {
        "form": form,
        "on": reading.surges_on(),
        "past": reading.past_surges(request.access),
        "bursts": selectors.bursts(now=now, fresh=True),
        "may_manage": request.access.may("surge.manage"),
        "steps": Surge.Step.choices,
    }
    return render(request, "cases/surge_off.html", context, status=422 if form.errors else 200)


def _now(request: StaffRequest, found: Surge, *, now: datetime) -> dict[str, Any]:
    """What changes by itself while one looks."""
    queue = reading.queue_of(found.nodes, now=now)
    return {
        "surge": found,
        "counter": reading.counter_of(found),
        "queue": queue,
        "wait": found.wait_words or reading.wait_in_words(queue.wait),
        "is_wait_known": bool(found.wait_words) or queue.wait is not None,
        "lanes": reading.lanes_of(found),
        "matters": reading.largest_matters(found),
        "may_answer": request.access.may("conversations.reply", found.node),
        "unseen": reading.unseen_emergencies(found),
        "now": now,
    }


def _page(
    request: StaffRequest,
    found: Surge,
    words: WordsForm,
    *,
    now: datetime,
    link_form: LinkForm | None = None,
    secret: str = "",
) -> HttpResponse:
    access = request.access
    may_manage = access.may("surge.manage", found.node)
    context = _now(request, found, now=now) | {
        "may_manage": may_manage,
        "may_shed": access.may_everywhere("surge.manage"),
        "words": words,
        "preview": _preview(found, now=now),
        "steps": Surge.Step.choices,
        "begins": services.STEP_BEGINS,
        "team": reading.team_of(found),
        "links": reading.links_of(found, now=now) if may_manage else [],
        "link_form": link_form or LinkForm(),
    }
    if secret:
        address = request.build_absolute_uri(reverse("cases:surge_join", args=[secret]))
        text = _("Help is wanted in %(body)s: open this link and sign in to Bayan.") % {
            "body": found.node.name
        }
        context |= {
            "address": address,
            "qr": _qr(address),
            "share": f"https://wa.me/?text={quote(f'{text} {address}')}",
        }
    is_wrong = bool(words.errors or (link_form and link_form.errors))
    response = render(request, "cases/surge.html", context, status=422 if is_wrong else 200)
    if secret:
        response["Cache-Control"] = "no-store"
    return response


def _qr(address: str) -> str:
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(scale=5, border=2, dark="#101828", light="#ffffff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308  # drawn here, of an address of ours


def _preview(found: Surge, *, now: datetime) -> str:
    with override("ar"):
        return services.filled_thanks(
            found.thanks,
            reference=grouped(EXAMPLE),
            wait=services.wait_of(found, now=now),
            statement=found.pointer,
        )


@require_POST
@managing
def begin(request: StaffRequest) -> HttpResponse:
    """Switch surge mode on: by the form, or with one press where a burst proposes it."""
    now = timezone.now()
    burst_id = uuid_in(request.POST.get("burst", ""))
    burst = None
    if burst_id:
        burst = get_object_or_404(Burst.objects.select_related("node"), public_id=burst_id)
        node, reason = burst.node, selectors.burst_in_words(burst)
    else:
        form = BeginForm(request.POST, nodes=_nodes(request))
        if not form.is_valid():
            return _quiet(request, form, now=now)
        node, reason = form.cleaned_data["node"], form.cleaned_data["reason"]
    request.access.require("surge.manage", node)
    words = services.SurgeWords(reason=reason, terms="،".join(burst.terms) if burst else "")
    made, step = services.begin_surge(node, words, burst=burst, by=request.user, now=now)
    band.forget()
    notices.say(request, _("Surge mode is on in %(body)s.") % {"body": node.name}, undo=step)
    return redirect(f"{reverse('cases:surge')}?of={made.public_id}")


@require_POST
@managing
def word(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Change what a surge says."""
    found, now = _checked(request, public_id), timezone.now()
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, now=now)
    services.word_surge(public_id, form.words, by=request.user, now=now)
    notices.say(request, _("Saved. Whoever writes from now on is told so."))
    return _back(found)


@require_POST
@managing
def end(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Switch surge mode off."""
    _checked(request, public_id)
    services.end_surge(public_id, by=request.user, now=timezone.now())
    band.forget()
    notices.say(request, _("Surge mode is off. This is what it came to."))
    return redirect("cases:surge_summary", public_id)


@require_POST
@requires("surge.manage", everywhere=True)
def shed(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Choose what is put off, or let what is measured decide."""
    found = _checked(request, public_id)
    given = request.POST.get("step", "")
    step = int(given) if given in map(str, Surge.Step.values) else None
    services.choose_step(public_id, step, by=request.user, now=timezone.now())
    return _back(found)


@require_POST
@managing
def make_link(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A link for the team, shown this once."""
    found, now = _checked(request, public_id), timezone.now()
    form = LinkForm(request.POST)
    if not form.is_valid():
        return _page(request, found, WordsForm.of(found), now=now, link_form=form)
    if not ratelimit.consume(request, action="invite", user=request.user):
        return _too_many(request)
    _link, secret = services.make_link(
        public_id, most=form.cleaned_data["most"], by=request.access, now=now, **form.lengths
    )
    return _page(request, found, WordsForm.of(found), now=now, secret=secret)


@require_POST
@managing
def withdraw_link(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a link lead nowhere."""
    link = get_object_or_404(TeamLink.objects.select_related("surge__node"), public_id=public_id)
    request.access.require("surge.manage", link.surge.node)
    services.withdraw_link(public_id, by=request.user, now=timezone.now())
    return _back(link.surge)


@require_POST
@managing
def withdraw_helper(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """End a helper's time now."""
    helper = get_object_or_404(Helper.objects.select_related("surge__node"), public_id=public_id)
    request.access.require("surge.manage", helper.surge.node)
    gone = services.withdraw_helper(public_id, by=request.access, now=timezone.now())
    notices.say(request, _("%(name)s does not answer here any more.") % {"name": gone.member.name})
    return _back(gone.surge)


@require_http_methods(["GET", "POST"])
@never_cache
@for_members
def join(request: StaffRequest, secret: str) -> HttpResponse:
    """Come to help by a link: a look uses nothing up, one press does."""
    if not ratelimit.consume(request, action="join_surge", user=request.user):
        return _too_many(request)
    now = timezone.now()
    if request.method == "POST":
        helper = services.join_team(secret, by=request.user, now=now)
        notices.say(
            request, _("Welcome to the team of %(body)s.") % {"body": helper.surge.node.name}
        )
        return redirect(f"{reverse('cases:surge')}?of={helper.surge.public_id}")
    link = services.open_link(secret, by=request.user, now=now)
    return render(request, "cases/surge_join.html", {"link": link, "surge": link.surge})


@require_GET
@requires("cases.read")
def wall(request: StaffRequest) -> HttpResponse:
    """The surge on a big screen; it holds nothing about the public but numbers."""
    now = timezone.now()
    found = _chosen(request)
    context: dict[str, Any] = {"surge": found, "now": now}
    if found is not None:
        arrivals = reading.arrivals_of(found, now=now)
        queue = reading.queue_of(found.nodes, now=now)
        context |= {
            "counter": reading.counter_of(found),
            "queue": queue,
            "wait": found.wait_words or reading.wait_in_words(queue.wait),
            "arrivals": sum(arrivals),
            "latest": sum(arrivals[-5:]) / 5,
            "bars": bars(arrivals),
            "unseen": reading.unseen_emergencies(found),
            "answering": reading.who_answers(found, now=now, is_english=get_language() == "en"),
        }
    part = "#wall" if request.htmx else ""
    return render(request, f"cases/surge_wall.html{part}", context)


@require_GET
@requires("cases.read")
def summary(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What a surge came to."""
    found = _ended(request, public_id)
    kept = reading.Summary(**found.summary)
    context = {
        "surge": found,
        "summary": kept,
        "counter": kept.counter,
        "team": reading.team_of(found),
        "taken": reading.steps_taken(found),
        "lasted": (found.ended_at - found.begun_at).total_seconds() if found.ended_at else 0,
    }
    return render(request, "cases/surge_summary.html", context)


@require_GET
@requires("cases.read")
def export(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The same as a file for spreadsheets."""
    found = _ended(request, public_id)
    kept = reading.Summary(**found.summary)
    ratio = kept.counter.ratio
    rows: list[list[str]] = [
        [_("Body"), found.node.name],
        [_("Reason"), found.reason],
        [_("Began"), _moment(found.begun_at)],
        [_("Ended"), _moment(found.ended_at)],
        [_("People who wrote"), str(kept.counter.people)],
        [_("Answered by a member"), str(kept.answered)],
        [_("Pointed to the statement"), str(kept.pointed)],
        [_("Needed no answer"), str(kept.nothing)],
        [pgettext("surge", "Left"), str(kept.left)],
        [pgettext("surge", "Reached"), "" if ratio is None else f"{ratio}%"],
        [_("Messages"), str(kept.messages)],
        [_("Most in a minute"), str(kept.peak)],
        [_("Median time to the first answer"), "" if kept.median is None else lasting(kept.median)],
        [_("Thanked automatically"), str(kept.thanked)],
        [_("Members of the team"), str(kept.helpers)],
        *(
            [_("Put off"), f"{_moment(at)} · {step.label}"]
            for at, step, *_rest in reading.steps_taken(found)
        ),
    ]
    return small_csv("surge", rows)


def _moment(value: datetime | None) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""


@require_GET
@requires("cases.read")
def shown_band(request: StaffRequest) -> HttpResponse:
    """The band on top of the pages, fetched where a surge began or ended while one looked."""
    band.forget()
    return render(request, "core/base.html#surge_band", {})


def _checked(request: StaffRequest, public_id: UUID) -> Surge:
    found = get_object_or_404(
        Surge.objects.select_related("node", "begun_by", "burst"), public_id=public_id
    )
    request.access.require("surge.manage", found.node)
    return found


def _ended(request: StaffRequest, public_id: UUID) -> Surge:
    found = get_object_or_404(
        Surge.objects.select_related("node", "begun_by", "ended_by"), public_id=public_id
    )
    # What it came to is its body's own business, and that of those above.
    request.access.require("cases.read", found.node)
    if found.is_on:
        raise Http404
    return found


def _back(found: Surge) -> HttpResponse:
    return redirect(f"{reverse('cases:surge')}?of={found.public_id}")


def _too_many(request: HttpRequest) -> HttpResponse:
    return refusal(
        request, _("Too many attempts. Wait a few minutes and try again."), status=TOO_MANY
    )
