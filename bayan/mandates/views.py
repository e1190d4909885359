"""The table of who may speak: looked up, printed, saved as a file, and changed row by row."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.exports import small_csv
from bayan.mandates import selectors, services
from bayan.mandates.models import OTHER, Act, Level, Who
from bayan.mandates.topics import TOPICS
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("press.submit")
def table(request: StaffRequest) -> HttpResponse:
    """The whole table, and the answer to who speaks about one topic for one body."""
    now = timezone.now()
    nodes = {node.key: node for node in organisation.nodes().values()}
    own = people.body_of_member(request.user, now=now)
    node = nodes.get(request.GET.get("body", "")) or own or organisation.desk()
    asked = request.GET.get("topic", "")
    asked = asked if asked in TOPICS else OTHER
    version = selectors.current()
    context = {
        "version": version,
        "rows": selectors.table(version),
        "levels": Level.choices,
        "acts": Act.choices,
        "topics": TOPICS.items(),
        "bodies": nodes.values(),
        "topic": asked,
        "body": node.key,
        "answer": selectors.answer(asked, node, now=now),
        "may_change": request.access.may_everywhere("mandates.manage"),
        "missing": [
            (key, label) for key, label in TOPICS.items() if version and key not in version.cells
        ],
    }
    return render(request, f"mandates/table.html{'#answer' if request.htmx else ''}", context)


@require_GET
@requires("press.submit")
def export(request: StaffRequest) -> HttpResponse:
    """The table as a file for spreadsheets, a line for each topic and level."""
    version = selectors.current()
    levels = dict(Level.choices)
    heading = [_("Topic"), _("Level"), *(str(label).capitalize() for _act, label in Act.choices)]
    lines = [
        [label, str(levels[level]), *(selectors.joined(cell[act]) for act in Act.values)]
        for _topic, label, cells in selectors.table(version)
        for level, cell in cells
    ]
    return small_csv(f"mandates-{version.number if version else 0}", [heading, *lines])


@require_http_methods(["GET", "POST"])
@requires("mandates.manage", everywhere=True)
def topic(request: StaffRequest, topic: str) -> HttpResponse:
    """Change one row, or begin one."""
    if topic not in TOPICS:
        raise Http404
    version = selectors.current()
    fault = ""
    cells = version.cells if version else {}
    row = cells.get(topic) or cells.get(OTHER, {})
    if request.method == "POST":
        row = {
            level: {act: request.POST.getlist(f"{level}-{act}") for act in Act.values}
            for level in Level.values
        }
        seen = request.POST.get("seen", "")
        try:
            services.change_topic(
                topic, row, seen=int(seen) if seen.isdecimal() else 0, by=request.user,
                now=timezone.now(),
            )  # fmt: skip
        except services.NobodyNamed as refused:
            fault = str(refused)
        else:
            notices.say(request, _("Saved. It counts from now on."))
            return redirect("mandates:table")
    context = {
        "topic": topic,
        "label": TOPICS[topic],
        "is_there": topic in cells and topic != OTHER,
        "seen": version.number if version else 0,
        "fault": fault,
        "levels": [(level, label, _choices(row.get(level, {}))) for level, label in Level.choices],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK
    return render(request, "mandates/topic.html", context, status=status)


def _choices(cell: Mapping[str, list[str]]) -> list[tuple[str, Any, list[tuple[str, Any, bool]]]]:
    """What the form offers of one level: each act, and who is ticked for it."""
    return [
        (act, label, [(who, name, who in cell.get(act, ())) for who, name in Who.choices])
        for act, label in Act.choices
    ]


@require_POST
@requires("mandates.manage", everywhere=True)
def remove(request: StaffRequest, topic: str) -> HttpResponse:
    """Take a row out: its topic goes by the row for everything else."""
    if topic not in TOPICS:
        raise Http404
    seen = request.POST.get("seen", "")
    services.change_topic(
        topic, None, seen=int(seen) if seen.isdecimal() else 0, by=request.user, now=timezone.now()
    )
    notices.say(request, _("Taken out: it goes by the row for everything else."))
    return redirect("mandates:table")
