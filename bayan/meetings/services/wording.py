"""How a poll is said: its answers as buttons or a list, and its outcome in words."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.meetings.counting import Outcome
from bayan.meetings.models import Poll
from bayan.people.models import Member

# WhatsApp's buttons and rows; what is longer stands in the explanation of its row.
MOST_BUTTONS, LONGEST_BUTTON, LONGEST_ROW, LONGEST_EXPLANATION = 3, 20, 24, 72
SEEN = 16


def address_of(poll: Poll) -> str:
    """The address of its page."""
    return f"{settings.PUBLIC_URL}{reverse('meetings:poll', args=[poll.public_id])}"


def instead_of(member: Member, text: str) -> str:
    """The same text for whoever stands in for this member."""
    whose = _("In place of %(name)s, for whom you stand in:") % {"name": member.name}
    return f"{whose}\n{text}"


def buttons_of(poll: Poll) -> list[tuple[str, str]]:
    """Its answers as buttons; none where they are too many or too long, or the poll is secret."""
    options = list(poll.options.all())
    if (
        poll.is_secret
        or len(options) > MOST_BUTTONS
        or any(len(option.text) > LONGEST_BUTTON for option in options)
    ):
        return []
    return [(_key(poll, option.position), option.text) for option in options]


def rows_of(poll: Poll) -> list[tuple[str, ...]]:
    """Its answers as rows of a list, where they do not fit on buttons; none where the poll is secret."""
    if poll.is_secret or buttons_of(poll):
        return []
    rows: list[tuple[str, ...]] = []
    for option in poll.options.all():
        title = option.text
        if len(title) > LONGEST_ROW:
            title = f"{option.position}. {title}"[: LONGEST_ROW - 1] + "…"
        more = option.text[:LONGEST_EXPLANATION] if title != option.text else ""
        rows.append((_key(poll, option.position), title, more))
    return rows


def _key(poll: Poll, position: int) -> str:
    return f"vote-{position}-{poll.fingerprint[:SEEN]}"


def outcome_words(outcome: Outcome, *, is_over: bool, is_secret: bool) -> list[str]:
    """How it stands or came out, a sentence a line: how many voted, the quorum, what most chose."""
    counts = {"voted": outcome.voted, "asked": outcome.asked, "share": outcome.share}
    lines = [_("%(voted)d of %(asked)d voted (%(share)d%%).") % counts]
    if outcome.needed:
        wanted = {"needed": outcome.needed}
        if outcome.is_reached:
            lines.append(_("The quorum is reached: %(needed)d were needed.") % wanted)
        elif is_over:
            lines.append(
                _("The quorum was not reached: %(needed)d were needed. The poll decides nothing.")
                % wanted
            )
        else:
            lines.append(_("The quorum is not reached yet: %(needed)d are needed.") % wanted)
    if is_over:
        lines.append(_chosen(outcome, is_secret=is_secret))
    return lines


def _chosen(outcome: Outcome, *, is_secret: bool) -> str:
    leading = outcome.leading
    if not outcome.voted:
        return _("Nobody voted.")
    if is_secret and not outcome.votes:
        return _("Too few voted to show a secret vote without showing who chose what.")
    most = dict(outcome.votes)[leading[0]]
    if len(leading) > 1:
        return _("Level with the most votes: %(answers)s.") % {"answers": _listed(leading)}
    return ngettext(
        "Most chose: %(answer)s (%(count)d vote).",
        "Most chose: %(answer)s (%(count)d votes).",
        most,
    ) % {"answer": leading[0], "count": most}


def _listed(texts: Sequence[str]) -> str:
    return _(", ").join(texts)
