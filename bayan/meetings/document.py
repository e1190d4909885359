"""Minutes as a document in the form of the house; by Typst (ADR 24)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.documents import both_dates, compiled, moment_words
from bayan.meetings import selectors
from bayan.meetings.models import Decision, Invitee, Meeting
from bayan.organisation import selectors as organisation

SOURCE = Path(__file__).parent / "minutes.typ"


def minutes(found: Meeting, *, now: datetime) -> bytes:
    """Who was there, what was said about each item, what was decided; a draft says that it is one."""
    with override("ar"):
        data = _data(found, now=now)
    return compiled(SOURCE, data, now=now)


def _data(found: Meeting, *, now: datetime) -> dict[str, Any]:
    desk = organisation.desk()
    bodies = [desk.name] if found.node_id == desk.pk else [desk.name, found.node.name]
    is_final = found.minutes_state == Meeting.Minutes.APPROVED
    people = selectors.invitees_of(found)
    earlier = selectors.open_decisions_before(found)
    return {
        "head": [_("Kingdom of Saudi Arabia"), *bodies],
        "letter": [
            [_("Date"), both_dates(found.starts_at)],
            [_("Begins"), moment_words(found.starts_at)],
            [_("Place"), found.place or _("by a link")],
        ],
        "colour": organisation.HOUSE_COLOUR,
        "qr": False,
        "mark": "" if is_final else _("Draft"),
        "title": _("Minutes of a meeting"),
        "subject": found.title,
        "facts": [
            [_("Kind"), str(found.get_kind_display())],
            [_("Chair"), found.chair.name_ar],
            [_("Secretary"), found.secretary.name_ar],
            [_("Approved"), moment_words(found.approved_at)],
        ],
        "people_title": _("Who was there"),
        "people_columns": [_("Body"), _("Name"), _("Attendance")],
        "people": [[one.node.name, one.member.name_ar, _presence(one)] for one in people],
        "earlier_title": _("Decisions of the last meeting that are not done"),
        "earlier": [_decided(one) for one in earlier],
        "agenda": [
            {
                "title": f"{item.position}. {item.title}",
                "presenter": _("Presented by %(name)s") % {"name": item.presenter}
                if item.presenter
                else "",
                "said": item.said,
            }
            for item in found.agenda.order_by("position")
        ],
        "decisions_title": _("Decisions"),
        "decisions_columns": [_("Decision"), _("Body"), _("Who does it"), _("Until")],
        "decisions": [_decided(one) for one in selectors.decisions_of(found)],
        "signer_title": _("Chair of the meeting"),
        "signer": found.chair.name_ar if is_final else "",
        "footer": " · ".join(
            filter(
                None,
                [
                    _("Printed from Bayan on %(moment)s") % {"moment": moment_words(now)},
                    _("Fingerprint: %(print)s") % {"print": found.submitted_hash[:16]}
                    if is_final
                    else "",
                ],
            )
        ),
    }


def _presence(one: Invitee) -> str:
    if one.stand_in and one.attended is not False:
        return _("%(name)s in their place") % {"name": one.stand_in}
    if one.attended is None:
        return "—"
    if one.attended:
        return _("there")
    return _("excused") if one.answer == Invitee.Answer.EXCUSED else _("not there")


def _decided(one: Decision) -> list[str]:
    return [one.text, one.node.name, one.owner.name_ar, moment_words(one.due_at)]
