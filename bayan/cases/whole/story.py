"""What happened to a case, as its panel tells it: the trail in words, with the reasons it does not hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.selectors import timeline_of
from bayan.cases.whole.models import Transfer
from bayan.people import selectors as people

TRANSFERRED = frozenset({"case.assigned", "case.given_back"})
# Isolated, so that words of the other direction leave the line as it is.
_ISOLATED = "\u2068%s\u2069"


@dataclass(frozen=True)
class Story:
    """The lines of the timeline, and how the case came to the body that has it, where a reason was given."""

    lines: list[people.Line]
    came: Transfer | None


def story_of(case: Case) -> Story:
    """What happened to a case, oldest first, each transfer with its reason."""
    rows = (
        list(case.transfers.select_related("origin", "by").order_by("pk"))
        if getattr(case, "has_transfers", True)
        else []
    )
    reasons = {row.at: row.reason for row in rows}
    lines = [
        _with_reason(line, reasons[line.entry.at])
        if line.entry.action in TRANSFERRED and line.entry.at in reasons
        else line
        for line in people.in_words(timeline_of(case))
    ]
    came = rows[-1] if rows and rows[-1].to_id == case.node_id else None
    return Story(lines, came)


def _with_reason(line: people.Line, reason: str) -> people.Line:
    said = _("because: %(reason)s") % {"reason": _ISOLATED % reason}
    return replace(line, details=" · ".join(filter(None, [line.details, said])))
