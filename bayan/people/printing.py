"""The call tree as a PDF: for the hour in which no page answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from bayan.core.documents import compiled
from bayan.organisation import selectors as organisation
from bayan.people.calling import Branch, Person

TEMPLATE = Path(__file__).with_name("call_tree.typ")


def call_tree_document(branches: Sequence[Branch], *, by: str, now: datetime) -> bytes:
    """The tree level by level, from the top down, with mobiles, in Arabic."""
    with override("ar"):
        moment = date_format(timezone.localtime(now), "DATETIME_FORMAT")
        levels = groupby(branches, key=lambda branch: len(branch.node.lineage))
        data: dict[str, Any] = {
            "colour": organisation.HOUSE_COLOUR,
            "head": [_("Kingdom of Saudi Arabia"), organisation.desk().name],
            "title": _("Call tree"),
            "date": moment,
            "how": [
                _(
                    "The first of each body is called from above, and calls everybody below their name, "
                    "in this order."
                ),
                _(
                    "Whoever does not answer twice is left out; whoever called them calls the next in "
                    "their place."
                ),
                _(
                    "The last one of each body calls its first back: then it is known that everybody "
                    "was told."
                ),
            ],
            "columns": [
                _("Name"), _("Role"), _("Mobile"), _("Backup mobile"), pgettext("call tree", "Told at"),
            ],
            "levels": [
                {
                    "name": pgettext("call tree", "Level %(number)d") % {"number": number},
                    "bodies": [_body(branch) for branch in level],
                }
                for number, (_depth, level) in enumerate(levels, start=1)
            ],
            "footer": _("Printed from Bayan by %(name)s on %(moment)s")
            % {"name": by, "moment": moment},
        }  # fmt: skip
    return compiled(TEMPLATE, data, now=now)


def _body(branch: Branch) -> dict[str, Any]:
    caller = branch.called_by
    firsts = [
        f"{below.node.short_name} ({_named(below.first)})" for below in branch.below if below.first
    ]
    return {
        "name": branch.node.name,
        "called_by": f"{pgettext('call tree', 'Called by')} {_named(caller)}"
        if caller
        else _("Here the calls begin."),
        "rows": [
            [
                f"{place}. {person.member.name}"
                + (f" ({_('on duty now')})" if person.is_on_duty else ""),
                "، ".join(person.roles),
                _phone(person.member.phone or ""),
                _phone(person.member.backup_phone),
                "",
            ]
            for place, person in enumerate(branch.people, start=1)
        ],
        "then": f"{pgettext('call tree', 'Then calls the first of:')} {'، '.join(firsts)}"
        if firsts
        else "",
    }


def _named(person: Person) -> str:
    phone = person.member.phone
    return f"{person.member.name} {_phone(phone)}" if phone else person.member.name


def _phone(number: str) -> str:
    """In groups, as people dial; a Saudi one as +966 50 000 0142."""
    digits = number.lstrip("+")
    saudi = re.fullmatch(r"(966)(\d{2})(\d{3})(\d{4})", digits)
    return f"+{' '.join(saudi.groups()) if saudi else digits}" if digits else "—"
