"""What a press that closes many does, in words: how many, whom it does not reach, what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.cases.models import Case
from bayan.cases.services import Ended
from bayan.core.references import grouped

# As many of those that stay open are named by their numbers.
NAMED = 5


def in_words(ended: Ended) -> str:
    """One line for whoever pressed."""
    count = ended.done.count
    parts = []
    if count:
        parts.append(
            ngettext(
                "%(count)s case will be closed in ten seconds.",
                "%(count)s cases will be closed in ten seconds.",
                count,
            )
            % {"count": count}
        )
    if ended.untold:
        parts.append(
            ngettext(
                "The person of %(count)s of them is not told: they last wrote more than 24 hours ago.",
                "The people of %(count)s of them are not told: they last wrote more than 24 hours ago.",
                ended.untold,
            )
            % {"count": ended.untold}
        )
    parts += [
        f"{words} {_numbers(cases)}"
        for words, cases in (
            (_("Left open, as no picture shows it:"), ended.without),
            (_("Left open, as its place is not known:"), ended.nowhere),
            (_("Left open, as an emergency is closed by itself:"), ended.urgent),
        )
        if cases
    ]
    return " ".join(parts) or _(
        "Nothing was changed: these cases are closed, or it was so already."
    )


def _numbers(cases: Sequence[Case]) -> str:
    named = _(", ").join(grouped(case.reference) for case in cases[:NAMED])
    more = len(cases) - NAMED
    if more <= 0:
        return f"{named}."
    return ngettext("%(numbers)s and %(count)s more.", "%(numbers)s and %(count)s more.", more) % {
        "numbers": named,
        "count": more,
    }
