"""A case as a document to print: a letter of the authority, in Arabic, whose words can be searched."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override
from PIL import Image, UnidentifiedImageError

from bayan.cases import selectors
from bayan.cases.models import Case
from bayan.cases.routing.reading import why_there
from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core.references import grouped
from bayan.core.rls import as_worker
from bayan.core.templatetags.bayan import dated, kind_label
from bayan.inbox.models import Message, Note
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.work import selectors as work

TEMPLATE = Path(__file__).with_name("file.typ")
# assets/build.mjs puts them there (SIL Open Font License).
FONTS = Path(__file__).parents[2] / "core" / "static" / "core" / "dist" / "fonts"
# More make a book; the conversation has them all.
MOST_MESSAGES, MOST_PICTURES = 500, 24
# As wide as a third of the page in print.
WIDTH = 700


@dataclass
class Row:
    """One thing that was said or done, by whom and when."""

    who: str
    at: str
    words: str
    pictures: list[str] = field(default_factory=list)


class _Pictures:
    """Small copies of pictures in a folder: without what the camera wrote into them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def of(self, media: Iterable[Media | None]) -> list[str]:
        return [name for one in media if one is not None and (name := self._copy(one))]

    def _copy(self, media: Media) -> str:
        if self._count >= MOST_PICTURES or not media.sha256:
            return ""
        if not media.mime_type.startswith("image/"):
            return ""
        name = f"{self._count + 1}.jpg"
        try:
            with Image.open(channels.media_path(media)) as picture:
                picture.thumbnail((WIDTH, WIDTH))
                picture.convert("RGB").save(self._folder / name, "JPEG", quality=80)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            return ""
        self._count += 1
        return name


def document(case: Case, *, with_notes: bool, with_person: bool, now: datetime, by: str) -> bytes:
    """The case as a PDF, as far as the reader sees it: its messages, steps, tasks and how it ended.

    `with_notes` adds what members told each other, `with_person` the name and mobile; else both are masked.
    """
    # Thirty megabytes that no other page needs.
    import typst

    with TemporaryDirectory() as folder, override("ar"):
        pictures = _Pictures(Path(folder))
        data = _data(case, pictures, with_notes=with_notes, with_person=with_person, now=now, by=by)
        source = Path(folder, "file.typ")
        source.write_bytes(TEMPLATE.read_bytes())
        return typst.compile(
            str(source),
            root=folder,
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data)},
            pdf_standards=["a-2u"],
            timestamp=int(now.timestamp()),
        )


def _data(
    case: Case,
    pictures: _Pictures,
    *,
    with_notes: bool,
    with_person: bool,
    now: datetime,
    by: str,
) -> dict[str, object]:
    name = _person(case, with_person=with_person)
    number = grouped(case.reference).replace("\u2066", "").replace("\u2069", "")
    parts = [
        (_("What was said"), _messages(case, name, pictures)),
        (_("Internal notes"), _notes(case) if with_notes else []),
        (_("Tasks"), _tasks(case, pictures)),
        (_("How it ended"), _end(case, pictures)),
        (_("What happened"), _steps(case)),
    ]
    desk = organisation.desk()
    bodies = [desk.name] if case.node.is_desk else [desk.name, case.node.name]
    return {
        "title": _("Case %(number)s") % {"number": number},
        "subject": case.subject,
        "colour": organisation.HOUSE_COLOUR,
        "head": [_("Kingdom of Saudi Arabia"), *bodies],
        "letter": [[_("Number"), number], [_("Date"), dated(now)]],
        "facts": [row for row in _facts(case, name) if row[1]],
        "parts": [
            {"title": title, "rows": [asdict(row) for row in rows]} for title, rows in parts if rows
        ],
        "footer": _("Printed from Bayan by %(name)s on %(moment)s")
        % {"name": by, "moment": _moment(now)},
    }


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def _person(case: Case, *, with_person: bool) -> str:
    name = str(case.contact.name)
    phone = selectors.phone_of(case.conversation)
    if with_person:
        return " · ".join(filter(None, [name, f"+{phone}" if phone else ""])) or _("No name")
    masked = [" ".join(f"{word[0]}…" for word in name.split())] if name else []
    return " · ".join([*masked, *([f"…{phone[-3:]}"] if phone else [])]) or _("The person")


def _facts(case: Case, name: str) -> list[list[str]]:
    routed = why_there(case)
    return [
        [_("The person"), name],
        [_("Body in charge"), case.node.name],
        [_("Who handles it"), case.owner.name if case.owner else ""],
        [_("Kind"), str(case.get_kind_display())],
        [_("Category"), str(case.get_category_display())],
        [_("Priority"), str(case.get_priority_display())],
        [_("Place"), case.place],
        [_("Point on the map"), _point(case)],
        [_("940 or Balady"), case.balady_number],
        [_("Transaction number"), case.transaction_number],
        [_("Opened"), f"{_moment(case.opened_at)} · {dated(case.opened_at)}"],
        [_("Why did it go there?"), routed[1] if routed else ""],
        [_("Stage"), str(case.get_stage_display())],
    ]


def _point(case: Case) -> str:
    return "" if case.latitude is None else f"{case.latitude:.5f}, {case.longitude:.5f}"


def _messages(case: Case, name: str, pictures: _Pictures) -> list[Row]:
    rows = (
        Message.objects.filter(matter=case.reference)
        .select_related("author", "media")
        .order_by("sent_at", "pk")[:MOST_MESSAGES]
    )
    shown = []
    for row in rows:
        if row.direction == Message.Direction.IN:
            who = name
        else:
            who = row.author.name if row.author else _("Bayan itself")
        words = row.text or f"[{kind_label(row.kind)}]"
        found = pictures.of([row.media if row.kind in {"image", "document"} else None])
        shown.append(Row(who, _moment(row.sent_at), words, found))
    return shown


def _notes(case: Case) -> list[Row]:
    rows = Note.objects.filter(matter=case.reference).select_related("author").order_by("pk")
    return [
        Row(row.author.name if row.author else "—", _moment(row.created_at), row.text)
        for row in rows
    ]


def _tasks(case: Case, pictures: _Pictures) -> list[Row]:
    shown = []
    for item in reversed(work.items_of(("case", case.reference))):
        holder = item.owner or item.contractor or item.outside or item.node
        words = [f"{item.title} — {item.get_state_display()}", item.answer]
        with as_worker():
            # Whoever sees the task sees its pictures, by whose chat they came.
            proofs = [proof.media for proof in item.proofs.select_related("media")]
        shown.append(
            Row(
                holder.name,
                _moment(item.ended_at or item.given_at),
                "\n".join(filter(None, words)),
                pictures.of(proofs),
            )
        )
    return shown


def _end(case: Case, pictures: _Pictures) -> list[Row]:
    if case.closed_at is None:
        return []
    closing = getattr(case, "closing", None)
    words = [str(case.get_outcome_display())]
    if closing and closing.why:
        words.append(str(closing.get_why_display()))
    if closing and closing.excuse:
        reason = ": ".join(filter(None, [str(closing.get_excuse_display()), closing.words]))
        words.append(f"{_('Without a picture, since')} {reason}")
    if case.satisfaction:
        words.append(f"{_('Satisfaction')}: {case.get_satisfaction_display()}")
    who = case.closed_by.name if case.closed_by else "—"
    shown = pictures.of([closing.proof if closing else None])
    return [Row(who, _moment(case.closed_at), "\n".join(words), shown)]


def _steps(case: Case) -> list[Row]:
    return [
        Row(
            line.action,
            _moment(line.entry.at),
            " · ".join(filter(None, [line.actor, line.details])),
        )
        for line in people.in_words(selectors.timeline_of(case))
    ]
