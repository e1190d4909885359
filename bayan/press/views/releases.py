"""Sending a story to journalists: looked at before, followed, paused, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.channels.models import Template
from bayan.core import notices
from bayan.core.views import refusal, uuid_in
from bayan.organisation import selectors as organisation
from bayan.people.permissions import StaffRequest, requires
from bayan.press import selectors, services
from bayan.press.models import Copy, Release, Story


@require_http_methods(["GET", "POST"])
@requires("press.send", everywhere=True)
def send(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Choose the lists, see who gets it, how and why others do not; then send it."""
    found = get_object_or_404(selectors.shown(Story.objects.all()), public_id=public_id)
    now = timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    lists = [key for text in given.getlist("list") if (key := uuid_in(text))]
    templates = services.fitting_templates(services.sending_number())
    template = _template(given.get("template", ""), templates)
    if request.method == "POST":
        if not lists:
            return refusal(request, _("Choose at least one list."), status=422)
        reached = {key for text in given.getlist("to") if (key := uuid_in(text))}
        everybody = {one.public_id for one in services.journalists_of(lists)}
        made = services.release(
            public_id,
            lists=lists,
            excepted=everybody - reached,
            template=template,
            version=given.get("version", ""),
            not_before=found.embargo_until if given.get("when") == "embargo" else None,
            by=request.user,
            now=now,
        )
        notices.say(request, _("On its way. Here you see who has it."))
        return redirect("press:release", made.public_id)
    context = {
        "story": found,
        "lists": selectors.lists(),
        "chosen": set(map(str, lists)),
        "templates": templates,
        "template": template,
        "version": found.approved_version,
        "is_current": found.approved_version == found.version(),
        "is_embargoed": found.is_embargoed(now=now),
        "preview": _preview(found),
        **_reach(lists, template, now=now),
    }
    return render(request, f"press/send.html{'#reach' if request.htmx else ''}", context)


def _template(given: str, templates: list[Template]) -> Template | None:
    key = uuid_in(given)
    return next(
        (one for one in templates if one.public_id == key), templates[0] if templates else None
    )


def _reach(lists: list[UUID], template: Template | None, *, now: datetime) -> dict[str, Any]:
    people = services.journalists_of(lists)
    found = services.reach(people, has_template=template is not None, now=now)
    out = {one.pk: reason for one, reason in found.left_out}
    labels = dict(Copy.Reason.choices)
    return {
        "reach": found,
        "reached": [one for one in people if one.pk not in out],
        "left_out": [(one, labels[reason]) for one, reason in found.left_out],
    }


def _preview(found: Story) -> str:
    """The message as a journalist gets it, in Arabic."""
    with override("ar"):
        return services.words_for(found, "https://…/n/…", body=organisation.desk().name)


@require_GET
@requires("press.send", everywhere=True)
def release(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Who has it, who read it, who opened the link and fetched what; who was not reached, and why."""
    found = get_object_or_404(
        Release.objects.select_related("story__node", "sent_by", "template"), public_id=public_id
    )
    return _page(request, found)


def _page(request: StaffRequest, found: Release, **more: Any) -> HttpResponse:
    copies = selectors.copies_of(found)
    context = {
        "release": found,
        "story": found.story,
        "copies": [(copy, selectors.state_of(copy)) for copy in copies],
        "progress": selectors.progress_of(copies),
        "answers": selectors.answers_of(found),
        "opened": sum(bool(copy.opens) for copy in copies),
        "now": timezone.now(),
    }
    part = "#state" if request.htmx and not more else ""
    return render(request, f"press/release.html{part}", context | more)


@require_POST
@requires("press.send", everywhere=True)
def pause(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Hold back what has not left."""
    get_object_or_404(Release, public_id=public_id)
    services.pause_release(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Paused: what has not left waits."))
    return redirect("press:release", public_id)


@require_POST
@requires("press.send", everywhere=True)
def resume(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let it go on."""
    get_object_or_404(Release, public_id=public_id)
    services.resume_release(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("It goes on."))
    return redirect("press:release", public_id)


@require_POST
@requires("press.send", everywhere=True)
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take it back: its links are dead."""
    get_object_or_404(Release, public_id=public_id)
    services.withdraw_release(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("Withdrawn: no link of it leads anywhere any more."))
    return redirect("press:release", public_id)


@require_POST
@requires("press.send", everywhere=True)
def copy_link(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A link for a journalist who gets it by another way; shown once."""
    copy = get_object_or_404(
        Copy.objects.select_related(
            "release__story__node", "release__sent_by", "release__template", "journalist"
        ),
        public_id=public_id,
    )
    address = services.copy_link(public_id, by=request.user, now=timezone.now())
    return _page(
        request, copy.release, address=address, link_for=copy.journalist, encoded=quote(address)
    )
