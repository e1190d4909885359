"""Which time holds for which case, in words: the page of the deadlines, and a line in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from bayan.cases import due
from bayan.cases.due import By, Term
from bayan.cases.models import Case
from bayan.cases.whole.models import TermsSet
from bayan.people.permissions import StaffRequest, requires
from bayan.work import selectors as work

# In the order in which they come for a case.
WHAT: dict[str, str | Promise] = {
    "answer": gettext_lazy("First answer"),
    "due": gettext_lazy("End"),
    due.SECOND: gettext_lazy("Second deadline"),
    "person": gettext_lazy("Silence of the person"),
}
PRIORITIES = dict(Case.Priority.choices)
CATEGORIES = [f"{due.OF_CATEGORY}.{key}" for key in Case.Category.values]
# So many changes are shown.
SHOWN = 10
_ISOLATED = "\u2068%s\u2069"


def length_in_words(term: Term) -> str:
    """«14 working hours», «2 hours, day and night»."""
    minutes = term.length // timedelta(minutes=1)
    if minutes % 60:
        said = (
            ngettext("%(count)s minute, day and night", "%(count)s minutes, day and night", minutes)
            if term.around_the_clock
            else ngettext("%(count)s working minute", "%(count)s working minutes", minutes)
        )
        return said % {"count": minutes}
    hours = minutes // 60
    said = (
        ngettext("%(count)s hour, day and night", "%(count)s hours, day and night", hours)
        if term.around_the_clock
        else ngettext("%(count)s working hour", "%(count)s working hours", hours)
    )
    return said % {"count": hours}


def why_due(case: Case) -> str:
    """Why a case is due when it is: which time holds for it, and by what of it."""
    found = due.policy_of("due", kind=case.kind, category=case.category, priority=case.priority)
    if found is None:
        return ""
    values = {
        "length": length_in_words(found.term),
        "priority": PRIORITIES[case.priority],
        "kind": case.get_kind_display(),
        "category": case.get_category_display(),
    }
    again = case.reopened_at is not None and case.reopened_at > case.opened_at
    said = {
        By.KIND: _("Cases of the kind “%(kind)s” and priority “%(priority)s” have %(length)s"),
        By.CATEGORY: _(
            "Cases of the category “%(category)s” and priority “%(priority)s” have %(length)s"
        ),
        By.PRIORITY: _("Cases of the priority “%(priority)s” have %(length)s"),
    }[found.by] % values
    since = _("from the last opening") if again else _("from the opening")
    second = due.policy_of(
        due.SECOND, kind=case.kind, category=case.category, priority=case.priority
    )
    if second is None:
        return _("%(rule)s %(since)s.") % {"rule": said, "since": since}
    return _("%(rule)s %(since)s; a second deadline of %(second)s follows.") % {
        "rule": said,
        "since": since,
        "second": length_in_words(second.term),
    }


@dataclass(frozen=True)
class Row:
    """The times of one priority of one kind or category, or of all: in the order of `WHAT`."""

    priority: str
    cells: Sequence[str]
    # As the page that changes them is asked for.
    of: str
    key: str
    # At least one of them was set on the page.
    is_own: bool


@dataclass(frozen=True)
class Group:
    """All cases, or those of one kind or category that have times of their own."""

    name: str
    rows: Sequence[Row]


def groups() -> list[Group]:
    """Which times hold, those for all first; a group names only the priorities in which it differs."""
    found: dict[str, dict[str, dict[str, Term]]] = {}
    for what in WHAT:
        for (name, priority), term in due.terms_in_force(what).items():
            found.setdefault(name, {}).setdefault(priority, {})[what] = term
    order = [*Case.Priority.values]
    own = due.own_terms()
    return [
        Group(
            name_of(name),
            [
                Row(
                    str(PRIORITIES[priority]),
                    [length_in_words(terms[what]) if what in terms else "" for what in WHAT],
                    name,
                    priority,
                    any((name, priority) in own.get(what, {}) for what in WHAT),
                )
                for priority, terms in sorted(rows.items(), key=lambda pair: order.index(pair[0]))
            ],
        )
        for name, rows in sorted(found.items(), key=lambda pair: _place_of(pair[0]))
    ]


def _place_of(name: str) -> tuple[int, str]:
    """Those for all, then kinds, which go before categories, then these."""
    return (0 if not name else 2 if name.startswith(f"{due.OF_CATEGORY}.") else 1, name)


def name_of(name: str) -> str:
    if not name:
        return _("All cases")
    category = name.removeprefix(f"{due.OF_CATEGORY}.")
    if category != name:
        return _("Category: %(name)s") % {"name": Case.Category(category).label}
    return _("Kind: %(name)s") % {"name": Case.Kind(name).label}


def ladder_in_words() -> list[tuple[str, str]]:
    """What happens to a case whose end nobody keeps, each rung with its moment."""
    said = []
    for rung in work.ladder("usual"):
        if rung.share < 1:
            when = _("when %(share)s%% of the time is over") % {"share": round(100 * rung.share)}
        elif rung.after:
            when = _("%(length)s after the end") % {"length": length_in_words(Term(rung.after))}
        else:
            when = _("at the end")
        said.append((str(rung.level.label), when))
    over = _("when the second deadline is over")
    return [*said, *((str(rung.level.label), over) for rung in work.ladder("second"))]


@require_GET
@requires("deadlines.read")
def page(request: StaffRequest) -> HttpResponse:
    """Which time holds for which kind, category and priority: as set here, else as in the file."""
    context = {
        "groups": groups(),
        "what": list(WHAT.values()),
        "ladder": ladder_in_words(),
        "may_change": request.access.may_everywhere("deadlines.manage"),
        "history": history(),
        "kinds": [(name, name_of(name)) for name in (*Case.Kind.values, *CATEGORIES)],
        "priorities": list(PRIORITIES.items()),
        "is_own": bool(due.own_terms()),
    }
    return render(request, "cases/deadlines.html", context)


@dataclass(frozen=True)
class Past:
    """One change of the times, with what holds since."""

    made: TermsSet
    name: str
    is_present: bool


def history() -> list[Past]:
    """The latest changes, the newest first."""
    rows = TermsSet.objects.select_related("by").order_by("-pk")[:SHOWN]
    return [
        Past(
            made=row,
            name=(
                f"{name_of(row.of)} · {PRIORITIES[row.priority]}"
                if row.priority
                else _("back to earlier times")
                if row.terms
                else _("back to the standard")
            ),
            is_present=place == 0,
        )
        for place, row in enumerate(rows)
    ]
