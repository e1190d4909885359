"""What apps send: a report, and the filters of the list of requests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.api.open311.catalogue import Attribute, Service, Words
from bayan.api.open311.selectors import Area, Filters
from bayan.cases import services as cases
from bayan.core.phones import mobile_in
from bayan.inbox import services as inbox

LONGEST_SPAN = timedelta(days=90)
MOST = 1000
WIDEST_KM = 100.0
_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,60})\](?:\[\])?")


class ReportForm(forms.Form):
    """The fields of a report that GeoReport names; what it calls an account or a device is not kept."""

    lat = forms.FloatField(required=False, min_value=-90, max_value=90)
    long = forms.FloatField(required=False, min_value=-180, max_value=180)
    address_string = forms.CharField(required=False, max_length=200)
    description = forms.CharField(required=False, max_length=4000)
    first_name = forms.CharField(required=False, max_length=100)
    last_name = forms.CharField(required=False, max_length=100)
    phone = forms.CharField(required=False, max_length=40)
    email = forms.CharField(required=False, max_length=254)
    media_url = forms.CharField(required=False, max_length=1000)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if (given.get("lat") is None) != (given.get("long") is None):
            raise forms.ValidationError(_("Send both lat and long."))
        if given.get("lat") is None and not given.get("address_string") and not self.errors:
            raise forms.ValidationError(_("Say where it is: lat and long, or address_string."))
        return given


class Unreadable(Exception):
    """What was sent cannot be used; each of the sentences says why."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


def report_of(request: HttpRequest, service: Service, *, app: str) -> cases.Report:
    """The report that an app sent; `app` tells it from others that might send the same.

    :raises Unreadable: a field is missing, too long, or not what it should be
    """
    form = ReportForm(request.POST)
    wrong = [
        str(error) if field == NON_FIELD_ERRORS else f"{field}: {error}"
        for field, errors in form.errors.items()
        for error in errors
    ]
    answers, wrong_answers = _answers(request.POST, service)
    pictures = _files(request)
    if wrong or wrong_answers:
        raise Unreadable(*wrong, *wrong_answers)
    given = form.cleaned_data
    pin = None
    if given["lat"] is not None:
        pin = cases.Pin(given["lat"], given["long"], given["address_string"])
    phone = mobile_in(given["phone"]) or ""
    return cases.Report(
        digest=_digest(request, app),
        category=service.category,
        description=given["description"],
        pin=pin,
        address=given["address_string"],
        name=f"{given['first_name']} {given['last_name']}".strip(),
        phone=phone,
        balady_number=next((v for a, v in answers if a.code == "balady_number"), "")[:40],
        note=_note(given, answers),
        picture=next(map(_attachment, pictures), None),
    )


def _note(given: dict[str, Any], answers: Sequence[tuple[Attribute, str]]) -> str:
    """What colleagues need to know besides, in their language."""
    with override("ar"):
        lines = [(attribute.words, value) for attribute, value in answers]
        lines += [
            (_("Mobile"), given["phone"]),
            (_("E-mail"), given["email"]),
            (_("Link to a picture, not opened by Bayan"), given["media_url"]),
        ]
        return "\n".join(f"{words}: {value}" for words, value in lines if value)


def _files(request: HttpRequest) -> list[UploadedFile[Any]]:
    """The pictures sent with a report; GeoReport knows none, but clients send one as `media`."""
    return [file for name in request.FILES for file in request.FILES.getlist(name)][:1]


def _attachment(file: UploadedFile[Any]) -> inbox.Attachment:
    return inbox.Attachment(
        stream=cast("BinaryIO", file.file),
        kind="image",
        name=file.name or "",
        declared=file.content_type or "",
    )


def _answers(sent: QueryDict, service: Service) -> tuple[list[tuple[Attribute, str]], list[str]]:
    """What was answered to the questions of a service, in words, and what is wrong with it."""
    known = {attribute.code: attribute for attribute in service.attributes}
    found, wrong = [], []
    for name in sent:
        match = _ATTRIBUTE.fullmatch(name)
        if not match:
            continue
        attribute = known.get(match[1])
        values = [value.strip()[:200] for value in sent.getlist(name) if value.strip()]
        if attribute is None:
            wrong.append(_("This service has no such attribute; its definition names them."))
        elif values and attribute.answers is not None:
            if not all(value in attribute.answers for value in values):
                fault = _("Choose one of the keys of its values.")
                wrong.append(f"{attribute.code}: {fault}")
            found.append((attribute, _worded(attribute.answers, values)))
        elif values and attribute.datatype == "number" and not _is_number(values[0]):
            fault = _("Enter a number.")
            wrong.append(f"{attribute.code}: {fault}")
        elif values and "\0" in values[0]:
            fault = _("Null characters are not allowed.")
            wrong.append(f"{attribute.code}: {fault}")
        elif values:
            found.append((attribute, values[0]))
    return found, wrong


def _worded(answers: Mapping[str, Words], chosen: Iterable[str]) -> str:
    with override("ar"):
        return "، ".join(str(answers.get(key, key)) for key in chosen)


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"-?\d{1,12}([.,]\d{1,6})?", value))


def _digest(request: HttpRequest, app: str) -> str:
    """Tells the same report, sent once more, from another one."""
    summed = hashlib.sha256(app.encode())
    fields = sorted(
        (name, value)
        for name, values in request.POST.lists()
        if name != "api_key"
        for value in values
    )
    summed.update(repr(fields).encode(errors="replace"))
    for file in _files(request):
        for piece in file.chunks():
            summed.update(piece)
        file.seek(0)
    return summed.hexdigest()


# The list of requests


def filters_of(asked: QueryDict, *, now: datetime) -> Filters:
    """Which requests are asked for; without dates those of the last 90 days.

    :raises Unreadable: a filter is not what it should be, or the span is longer than 90 days
    """
    since, until = _moment(asked, "start_date"), _moment(asked, "end_date")
    try:
        if since is None:
            since = (until or now) - LONGEST_SPAN
        if until is None:
            until = since + LONGEST_SPAN
        is_too_long = until - since > LONGEST_SPAN
    except OverflowError:
        is_too_long = True
    if is_too_long or since is None or until is None:
        raise Unreadable(_("start_date and end_date may be 90 days apart at the most."))
    states = _parts(asked, "status")
    if not states <= {"open", "closed"}:
        raise Unreadable(_("status: open or closed."))
    return Filters(
        since=since,
        until=until,
        # A service that there is not has no requests; none named means all.
        categories=sorted(_parts(asked, "service_code")),
        is_closed=None if len(states) != 1 else states == {"closed"},
        area=_area(asked),
        page=_whole(asked, "page", 1, most=10_000),
        page_size=min(_whole(asked, "page_size", MOST, most=10**9), MOST),
    )


def ids_of(asked: QueryDict) -> list[str]:
    """The requests that are named one by one, if any are."""
    return sorted(_parts(asked, "service_request_id"))[:MOST]


def _parts(asked: QueryDict, name: str) -> set[str]:
    given = ",".join(asked.getlist(name))
    # What holds such a character is the name of nothing, and the database takes none.
    return {part.strip() for part in given.split(",") if part.strip() and "\0" not in part} or (
        {"?"} if given.strip(" ,") else set()
    )


def _moment(asked: QueryDict, name: str) -> datetime | None:
    given = asked.get(name, "").strip()
    if not given:
        return None
    # In an address a plus that is not written as %2B arrives as a space.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", given)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = timezone.make_aware(moment)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(
            _("%(field)s: write it as 2026-11-23T10:00:00Z.") % {"field": name}
        ) from None


def _whole(asked: QueryDict, name: str, usual: int, *, most: int) -> int:
    given = asked.get(name, "").strip()
    if not given:
        return usual
    if not re.fullmatch(r"[0-9]{1,10}", given) or not 1 <= int(given) <= most:
        raise Unreadable(_("%(field)s: a number from 1 on.") % {"field": name})
    return int(given)


def _area(asked: QueryDict) -> Area | None:
    box = [part for part in asked.get("bbox", "").split(",") if part.strip()]
    circle = [asked.get(name, "").strip() for name in ("lat", "long", "radius")]
    if box:
        west, south, east, north = _numbers(box, 4, _("bbox: west,south,east,north in degrees."))
        return Area(south=south, west=west, north=north, east=east)
    if any(circle):
        said = _("Send lat, long and radius (in metres, up to 100000) together.")
        latitude, longitude, metres = _numbers(circle, 3, said)
        if not (0 < metres <= WIDEST_KM * 1000 and -90 <= latitude <= 90):
            raise Unreadable(said)
        return Area.around(latitude, longitude, metres / 1000)
    return None


def _numbers(given: Iterable[str], count: int, said: str) -> list[float]:
    try:
        found = [float(part) for part in given]
    except ValueError:
        found = []
    if len(found) != count or not all(-1e6 <= number <= 1e6 for number in found):
        raise Unreadable(said)
    return found
