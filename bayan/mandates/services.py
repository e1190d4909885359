"""Changing the table, and refusing what it does not allow: it says who may, and stays in the trail."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.mandates import selectors
from bayan.mandates.models import OTHER, Act, Level, Version, Who
from bayan.mandates.selectors import Cells
from bayan.mandates.topics import TOPICS
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access

LOCK = "bayan.mandates"


class PackUnreadable(DomainError):
    """The pack's file is broken; the text names the place."""


class NobodyNamed(DomainError):
    pass


class ChangedMeanwhile(DomainError):
    pass


class NotTheirs(DomainError):
    """The table names others; the text says whom."""


def require(
    act: Act,
    topic: str,
    node: Node,
    members: Iterable[Member],
    *,
    by: Member,
    subject: tuple[str, str],
    now: datetime,
) -> None:
    """Refuse unless the table lets one of these members do this about a topic of a body.

    Where there is no table, permissions alone decide.

    :raises NotTheirs: it says who may; noted in the trail of the subject
    """
    cell = selectors.cell_for(topic, node)
    if cell is None or any(cell.may(act, Access.of(one, now=now)) for one in members):
        return
    who = cell.in_words(act, now=now) or _("nobody")
    said = {"topic": TOPICS.get(topic, topic), "body": node.name, "who": who}
    text = (
        _("About %(topic)s in %(body)s only these speak: %(who)s.")
        if act == Act.SPEAK
        else _("About %(topic)s in %(body)s only these approve: %(who)s.")
    )
    raise NotTheirs(
        text % said,
        entries=[
            audit.Entry(
                action=f"mandate.{act}_refused", subject_type=subject[0], subject_key=subject[1],
                by=by, at=now, node_id=node.pk, details={"topic": topic, "level": cell.level},
            )
        ],
    )  # fmt: skip


@transaction.atomic
def change_topic(
    topic: str,
    levels: Mapping[str, Mapping[str, Sequence[str]]] | None,
    *,
    seen: int,
    by: Member,
    now: datetime,
) -> Version:
    """Write one row of the table anew, or with None take it out; the others stay as they are.

    `seen` is the version that whoever changes it had before their eyes.

    :raises NobodyNamed: somebody must be able to speak and to approve at each level
    :raises ChangedMeanwhile: there is a later version
    """
    _lock()
    latest = selectors.current()
    if (latest.number if latest else 0) != seen:
        raise ChangedMeanwhile(
            _("Somebody has changed the table meanwhile. Look at it again, then change it.")
        )
    cells: Cells = dict(latest.cells) if latest else {}
    if levels is None:
        if topic == OTHER:
            raise NobodyNamed(_("The row for everything else stays: what has no row goes by it."))
        cells.pop(topic, None)
    else:
        cells[topic] = _checked(levels)
    made = Version.objects.create(number=seen + 1, cells=cells, made_at=now, made_by=by)
    audit.record(
        audit.Entry(
            action="mandate.changed" if levels is not None else "mandate.removed",
            subject_type="mandates", subject_key=str(made.number), by=by, at=now,
            node_id=organisation.desk().pk,
            details={"topic": topic, "version": made.number},
        )
    )  # fmt: skip
    return made


def _checked(levels: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, list[str]]]:
    row = {
        level: {
            act: [one for one in Who.values if one in levels.get(level, {}).get(act, ())]
            for act in Act.values
        }
        for level in Level.values
    }
    if not all(cell[act] for cell in row.values() for act in (Act.SPEAK, Act.APPROVE)):
        raise NobodyNamed(_("At each level somebody speaks and somebody approves: name them."))
    return row


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK])


def load_pack(folder: Path, *, now: datetime) -> int:
    """Take over the table of the pack's `mandates.toml`, once: then it is changed on the page.

    Returns how many topics it has.

    :raises PackUnreadable: names the file and what is wrong in it
    """
    path = folder / "mandates.toml"
    if Version.objects.exists() or not path.is_file():
        return 0
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PackUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    cells: Cells = {}
    for place, row in enumerate(given.get("topics", []), start=1):
        topic = row.get("key")
        fault = _fault(row)
        if fault:
            raise PackUnreadable(
                _("%(path)s, topics[%(place)d]: %(error)s")
                % {"path": path, "place": place, "error": fault}
            )
        cells[topic] = _checked({level: row.get(level, {}) for level in Level.values})
    if cells and OTHER not in cells:
        raise PackUnreadable(
            _("%(path)s, topics[%(place)d]: %(error)s")
            % {"path": path, "place": len(cells), "error": f"key: {OTHER} is missing"}
        )
    if cells:
        Version.objects.create(number=1, cells=cells, made_at=now)
    return len(cells)


def _fault(row: Mapping[str, Any]) -> str:
    if row.get("key") not in TOPICS:
        return f"key: {row.get('key')}"
    for level in Level.values:
        cell = row.get(level, {})
        for act in (Act.SPEAK, Act.APPROVE):
            if not cell.get(act):
                return f"{level}.{act} is missing"
        unknown = {one for names in cell.values() for one in names} - set(Who.values)
        if unknown or set(cell) - set(Act.values):
            return f"{level}: {', '.join(sorted(unknown or set(cell) - set(Act.values)))}"
    return ""
