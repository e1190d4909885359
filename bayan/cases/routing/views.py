"""The pages of routing: the rules in their order, one rule, and trying them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases import services
from bayan.cases.models import RoutingRule
from bayan.cases.routing import reading
from bayan.cases.routing.drafting import draft_of
from bayan.cases.routing.forms import RuleForm
from bayan.cases.routing.sentences import Names, explained, in_words
from bayan.cases.routing.trying import CHUNK, shown, to_try, with_draft
from bayan.cases.routing.trying import dry_run as tried
from bayan.cases.whole.models import RoutingTrial
from bayan.core import notices
from bayan.people.permissions import StaffRequest, requires

# Hits are counted so far back.
RECENT = timedelta(days=30)
LONGEST_TEXT = 2_000
# As in `RoutingRule.name`.
LONGEST_NAME = 80
managing = requires("routing.manage", everywhere=True)


@require_GET
@managing
def rules(request: StaffRequest) -> HttpResponse:
    """All rules in the order in which they are tried, each as a sentence, with how often it decided."""
    context = {"rows": reading.rows(since=timezone.now() - RECENT)}
    return render(request, f"cases/routing.html{'#list' if request.htmx else ''}", context)


@require_http_methods(["GET", "POST"])
@managing
def new(request: StaffRequest) -> HttpResponse:
    """A new rule; one that was written as a sentence is shown first, and saved only from here."""
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@managing
def rule(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One rule, to be changed."""
    return _edit(request, _rule(public_id))


def _rule(public_id: UUID) -> RoutingRule:
    return get_object_or_404(
        RoutingRule.objects.select_related("node", "member", "team"), public_id=public_id
    )


def _form(data: Any = None, **more: Any) -> RuleForm:
    return RuleForm(data, members=reading.members(now=timezone.now()), **more)


def _edit(request: StaffRequest, known: RoutingRule | None) -> HttpResponse:
    initial = RuleForm.values_of(known) if known else {"to": "stays", "give": "nobody"}
    form = _form(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = form.rule(known)
        said = in_words(made, Names.of([made]))
        made.name = made.name or _short(said.rstrip("."))
        if request.POST.get("do") == "try":
            context = _trial(request, made, known) | {"draft": made, "sentence": said}
            return _page(request, form, known, context)
        services.save_rule(made, by=request.user, now=timezone.now())
        notices.say(request, _("The rule “%(name)s” was saved.") % {"name": made.name})
        return redirect("cases:routing")
    return _page(request, form, known, {})


def _page(
    request: StaffRequest, form: RuleForm, known: RoutingRule | None, context: dict[str, Any]
) -> HttpResponse:
    context |= {"form": form, "rule": known, "chosen": form.chosen()}
    return render(
        request, "cases/rule.html", context, status=422 if form.is_bound and form.errors else 200
    )


@require_POST
@managing
def draft(request: StaffRequest) -> HttpResponse:
    """Read a rule that was written as a sentence into the form, and say what was understood."""
    sentence = " ".join(request.POST.get("sentence", "").split())[:600]
    read = draft_of(sentence, members=reading.members(now=timezone.now()))
    form = _form(initial={"to": "stays", "give": "nobody"} | read.values)
    return _page(request, form, None, {"draft_sentence": sentence, "read": read})


@require_POST
@managing
def move(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a rule be tried earlier or later, by one place."""
    ids = list(RoutingRule.objects.order_by("position").values_list("public_id", flat=True))
    _rule(public_id)
    at = ids.index(public_id)
    later = [*ids[at + 2 :], None]
    before: UUID | None = ids[max(0, at - 1)] if request.POST.get("way") == "up" else later[0]
    services.move_rule(public_id, before=before, by=request.user, now=timezone.now())
    return _list(request)


@require_POST
@managing
def switch(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a rule decide, or not."""
    _rule(public_id)
    is_on = request.POST.get("on") == "1"
    changed = services.switch_rule(public_id, is_on=is_on, by=request.user, now=timezone.now())
    said = (
        _("“%(name)s” decides from the next message on.")
        if is_on
        else _("“%(name)s” decides nothing any more.")
    )
    notices.say(request, said % {"name": changed.name})
    return _list(request)


@require_POST
@managing
def copy(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The same rule once more, to be changed."""
    _rule(public_id)
    made = services.copy_rule(public_id, by=request.user, now=timezone.now())
    return redirect("cases:rule", made.public_id)


@require_POST
@managing
def delete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Delete a rule."""
    gone = _rule(public_id)
    step = services.delete_rule(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The rule “%(name)s” was deleted.") % {"name": gone.name}, undo=step)
    return _list(request)


def _list(request: StaffRequest) -> HttpResponse:
    if not request.htmx:
        return redirect("cases:routing")
    context = {"rows": reading.rows(since=timezone.now() - RECENT)}
    return render(request, "cases/routing.html#list", context)


@require_http_methods(["GET", "POST"])
@managing
def dry_run(request: StaffRequest) -> HttpResponse:
    """What the rules would have made of last month's cases; a POST begins what takes a while."""
    page = "cases/trial.html" if request.htmx else "cases/routing_trial.html"
    return render(request, page, _trial(request, None, None, begins=request.method == "POST"))


def _trial(
    request: StaffRequest,
    made: RoutingRule | None,
    known: RoutingRule | None,
    *,
    begins: bool = True,
) -> dict[str, Any]:
    """What came of it, where that is a matter of a moment; else the trial under way."""
    now = timezone.now()
    keys, is_cut = to_try(now=now)
    if len(keys) > CHUNK:
        if not begins:
            return {"is_to_begin": True}
        asked = request.POST.urlencode() if made else ""
        run = services.begin_trial(
            keys,
            is_cut=is_cut,
            asked=asked,
            rule=known.public_id if known else None,
            by=request.user,
            now=now,
        )
        return {"run": run}
    held = with_draft(made)
    found = tried(held, keys, focus=made.public_id if made else None, now=now)
    return {"trial": shown(found, held, is_cut=is_cut)}


@require_POST
@managing
def step_trial(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Try the next cases of a dry run, and say how far it is, or what came of it."""
    run = RoutingTrial.objects.filter(public_id=public_id, by=request.user).first()
    if run is None:
        return render(request, "cases/trial.html", {"is_cancelled": True})
    made = _made(run)
    held = with_draft(made)
    stepped = services.step_trial(
        public_id, held, focus=made.public_id if made else None, by=request.user,
        now=timezone.now(),
    )  # fmt: skip
    context: dict[str, Any] = {"draft": made, "is_cancelled": stepped is None}
    if stepped and stepped.is_over:
        context["trial"] = shown(stepped.found, held, is_cut=stepped.is_cut)
    else:
        context["run"] = stepped
    return render(request, "cases/trial.html", context)


def _made(run: RoutingTrial) -> RoutingRule | None:
    """The rule that a dry run looks at, as it was typed."""
    if not run.asked:
        return None
    form = _form(QueryDict(run.asked))
    if not form.is_valid():
        # What it names is gone: the others are tried without it.
        return None
    known = RoutingRule.objects.filter(public_id=run.rule).first() if run.rule else None
    made = form.rule(known)
    if known is None:
        # The same in each step.
        made.public_id = run.public_id
    made.name = made.name or _short(in_words(made, Names.of([made])).rstrip("."))
    return made


@require_POST
@managing
def cancel_trial(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Break a dry run off."""
    services.cancel_trial(public_id, by=request.user)
    return render(request, "cases/trial.html", {"is_cancelled": True})


@require_http_methods(["GET", "POST"])
@managing
def test(request: StaffRequest) -> HttpResponse:
    """Which rule would take a message with these words now, and why."""
    text = request.POST.get("text", "").strip()[:LONGEST_TEXT]
    context: dict[str, Any] = {"text": text}
    if text:
        case, decided = services.imagine(text, now=timezone.now())
        context |= {
            "case": case,
            "is_asked": True,
            "sentence": explained(services.written(decided, now=timezone.now())) if decided else "",
            "body": decided.node if decided else case.node,
            "rule_id": decided.rule.id if decided else None,
        }
    part = "#answer" if request.htmx else ""
    return render(request, f"cases/routing_test.html{part}", context)


def _short(said: str) -> str:
    """As many whole words of a sentence as a name holds."""
    if len(said) <= LONGEST_NAME:
        return said
    return f"{said[: LONGEST_NAME - 1].rsplit(' ', 1)[0]}…"
