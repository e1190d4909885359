"""The doors of GeoReport v2: discovery, services, reports and requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt

from bayan.api.open311 import forms, selectors
from bayan.api.open311.catalogue import SERVICES, Attribute, Service
from bayan.api.open311.formats import Answer
from bayan.cases import selectors as case_selectors
from bayan.cases import services as cases
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.core.rls import as_worker, look_as
from bayan.core.visitors import address_of, network_of
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import Access

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
# The day on which what these doors promise last changed.
CHANGESET = "2026-11-29T00:00:00+03:00"
# A form is small; a picture is as large as the channel takes it.
MOST_BYTES = 6 * 1024 * 1024
# A minute: reports of one app, and questions of one app or address.
MOST_REPORTS, MOST_LISTS = 60, 120


class Refused(Exception):
    """An answer that is an error, with a sentence for each thing that is wrong."""

    def __init__(self, status: HTTPStatus, *sentences: str) -> None:
        super().__init__(status, *sentences)
        self.status, self.sentences = status, sentences

    def answer(self) -> Answer:
        errors = [{"code": int(self.status), "description": said} for said in self.sentences]
        return Answer("errors", errors, self.status)


def georeport(*methods: str) -> Callable[[Callable[..., Answer]], Callable[..., HttpResponse]]:
    """Answer in the format and language that were asked for, errors too."""

    def decorate(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
        # No cookie opens these doors, so no other site can use one.
        @csrf_exempt
        @wraps(view)
        def answered(
            request: HttpRequest, extension: str | None = None, **names: str
        ) -> HttpResponse:
            with override(_language(request)):
                try:
                    if request.method not in {*methods, "HEAD" if "GET" in methods else ""}:
                        raise _refused(
                            HTTPStatus.METHOD_NOT_ALLOWED, _("This cannot be done here.")
                        )
                    _check_jurisdiction(request)
                    answer = view(request, **names)
                except Refused as refused:
                    answer = refused.answer()
                except forms.Unreadable as wrong:
                    answer = Refused(HTTPStatus.BAD_REQUEST, *wrong.sentences).answer()
                except DomainError as wrong:
                    answer = Refused(HTTPStatus.BAD_REQUEST, str(wrong)).answer()
                except (
                    BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError,
                ):  # fmt: skip
                    said = _("Send the fields as a form, in UTF-8.")
                    answer = Refused(HTTPStatus.BAD_REQUEST, said).answer()
                response = answer.response(as_xml=_is_xml(request, extension))
                response["Content-Language"] = get_language() or settings.LANGUAGE_CODE
            response["Vary"] = "Accept, Accept-Language, Authorization"
            response["X-Robots-Tag"] = "noindex"
            response["Access-Control-Allow-Origin"] = "*"
            response.setdefault("Cache-Control", "no-store")
            if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
                response["Allow"] = ", ".join(methods)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                response["Retry-After"] = "60"
            return response

        return answered

    return decorate


@georeport("GET")
def discovery(request: HttpRequest) -> Answer:
    """Where these doors are, and whom to ask for a key."""
    authority = organisation.authority_names().get(get_language() or "ar", "")
    address = f"{settings.PUBLIC_URL}{reverse('open311:discovery').removesuffix('/discovery')}"
    return Answer(
        "discovery",
        {
            "changeset": CHANGESET,
            "contact": authority,
            "key_service": _("Ask the administrator of Bayan at %(authority)s for a key.")
            % {"authority": authority},
            "endpoints": [
                {
                    "specification": SPECIFICATION,
                    "url": address,
                    "changeset": CHANGESET,
                    "type": "test" if settings.IS_DEMO else "production",
                    "formats": ["text/xml", "application/json"],
                }
            ],
        },
    )


@georeport("GET")
def services(request: HttpRequest) -> Answer:
    """Everything that can be reported."""
    return Answer("services", [_service_out(service) for service in SERVICES.values()])


@georeport("GET")
def service(request: HttpRequest, code: str) -> Answer:
    """What is asked beside the usual in a report of one service."""
    attributes = [
        _attribute_out(attribute, order)
        for order, attribute in enumerate(_service(code).attributes, start=1)
    ]
    return Answer("service_definition", {"service_code": code, "attributes": attributes})


@georeport("GET", "POST")
def requests(request: HttpRequest) -> Answer:
    """What was reported and how it stands; or, posted, a new report."""
    return _report(request) if request.method == "POST" else _list(request)


@georeport("GET")
def request(request: HttpRequest, name: str) -> Answer:
    """How one request stands."""
    return Answer("service_requests", _one(request, name))


@georeport("GET")
def token(request: HttpRequest, name: str) -> Answer:
    """The id behind a token: reports have theirs at once, so the two are the same."""
    (found,) = _one(request, name)
    return Answer(
        "service_requests", [{"service_request_id": found["service_request_id"], "token": name}]
    )


@georeport("GET")
def nothing(request: HttpRequest) -> Answer:
    """Any other path."""
    raise _refused(HTTPStatus.NOT_FOUND, _("There is no such address. See discovery and services."))


def _list(request: HttpRequest) -> Answer:
    asked = request.GET
    reader = _reader(request)
    ids = forms.ids_of(asked)
    with _eyes_of(reader):
        if ids:
            found = selectors.named(ids, reader=reader, extended=_is_extended(asked))
        else:
            filters = forms.filters_of(asked, now=timezone.now())
            found = selectors.listed(filters, reader=reader, extended=_is_extended(asked))
    return Answer("service_requests", found)


def _one(request: HttpRequest, name: str) -> list[dict[str, Any]]:
    reader = _reader(request)
    with _eyes_of(reader):
        extended = _is_extended(request.GET)
        found = selectors.named([name.replace("\0", "")], reader=reader, extended=extended)
    if not found:
        raise _refused(HTTPStatus.NOT_FOUND, _("There is no such request that you may see."))
    return found


def _report(request: HttpRequest) -> Answer:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise _refused(HTTPStatus.CONTENT_TOO_LARGE, _("A report may have 6 MB at the most."))
    app = _app(request, "write")
    if app is None:
        raise _refused(HTTPStatus.FORBIDDEN, _("Send your api_key: a report needs one."))
    _spend("reports", app.limited_by, MOST_REPORTS)
    code = request.POST.get("service_code", "").strip()
    if not code:
        raise _refused(HTTPStatus.BAD_REQUEST, _("service_code is missing; see services."))
    report = forms.report_of(request, _service(code), app=app.limited_by)
    with as_worker():
        case = cases.open_reported(report, by=app.member, now=timezone.now())
        known = case_selectors.reported_before(case)
    number = grouped(case.reference)
    notice = _("The number of the case is %(number)s.") % {"number": number}
    if known is not None:
        notice = f"{notice} {cases.words_of_near(known)}"
    if report.phone:
        notice = _("%(notice)s Follow it at %(address)s") % {
            "notice": notice,
            "address": f"{settings.PUBLIC_URL}{reverse('portal:case', args=[case.reference])}",
        }
    made: dict[str, Any] = {
        "service_request_id": case.public_id,
        "service_notice": notice,
        "account_id": None,
    }
    if _is_extended(request.POST) or _is_extended(request.GET):
        made["extended_attributes"] = {"reference": case.reference}
    return Answer("service_requests", [made], HTTPStatus.CREATED)


# Who asks


@dataclass(frozen=True)
class App:
    """An app with a key: it acts as the member whose key it is."""

    member: Member
    limited_by: str


def _reader(request: HttpRequest) -> Member | None:
    """The member whose key was sent, to see what they see; None: everybody, where the list is public.

    :raises Refused: the key is not valid, or none was sent where one is needed
    """
    app = _app(request, "read")
    if app is None and not settings.OPEN311_IS_PUBLIC:
        raise _refused(
            HTTPStatus.FORBIDDEN,
            _("This authority does not publish its requests: send your api_key."),
        )
    _spend("lists", app.limited_by if app else network_of(address_of(request)), MOST_LISTS)
    return app.member if app else None


def _app(request: HttpRequest, scope: str) -> App | None:
    """Who sent a key, as a field, in the address, or as the API takes it."""
    given = request.POST.get("api_key", "") if request.method == "POST" else ""
    key = (given or request.GET.get("api_key", "")).strip()
    header = f"Bearer {key}" if key else request.headers.get("Authorization", "")
    if not header:
        return None
    holder = people.member_of_token(header.replace("\0", ""))
    if holder is None:
        raise _refused(HTTPStatus.FORBIDDEN, _("This api_key is not valid."))
    access = Access.of(holder.member, now=timezone.now())
    if scope not in holder.scopes or not access.may("cases.read"):
        raise _refused(
            HTTPStatus.FORBIDDEN,
            _("This api_key does not allow it: it lacks the scope '%(scope)s', or a role.")
            % {"scope": scope},
        )
    return App(holder.member, f"member {holder.member.pk}")


@contextmanager
def _eyes_of(reader: Member | None) -> Iterator[None]:
    """See what this member sees; without one all of it, of which only what is published is read."""
    if reader is None:
        with as_worker():
            yield
        return
    with transaction.atomic():
        look_as(reader.pk)
        yield


def _spend(what: str, who: str, most: int) -> None:
    """Count one more; those who ask too often within a minute wait for the next one."""
    now = timezone.now()
    counted = hashlib.sha256(f"{who} {now:%H:%M}".encode()).hexdigest()
    key = f"open311-{what}-{counted}"
    cache.add(key, 0, timeout=120)
    if cache.incr(key) > most:
        raise _refused(HTTPStatus.TOO_MANY_REQUESTS, _("Too many requests: wait a minute."))


# What is asked for


def _refused(status: HTTPStatus, said: str) -> Refused:
    return Refused(status, said)


def _is_xml(request: HttpRequest, extension: str | None) -> bool:
    if extension:
        return extension == "xml"
    return (
        request.get_preferred_type(["application/json", "text/xml", "application/xml"]) or ""
    ).endswith("xml")


def _language(request: HttpRequest) -> str:
    """The language asked for by `locale`, else the one that the client prefers, else Arabic."""
    known = dict(settings.LANGUAGES)
    wanted = [request.GET.get("locale", "")]
    wanted += [
        tag for tag, _q in parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    ]
    codes = (tag.replace("_", "-").partition("-")[0].lower() for tag in wanted)
    return next((code for code in codes if code in known), settings.LANGUAGE_CODE)


def _check_jurisdiction(request: HttpRequest) -> None:
    """There is one: the authority's key, or the host by which it is asked."""
    given = request.GET.get("jurisdiction_id") or (
        request.POST.get("jurisdiction_id") if request.method == "POST" else None
    )
    if given and given not in {organisation.desk().key, request.get_host().partition(":")[0]}:
        raise _refused(HTTPStatus.NOT_FOUND, _("This jurisdiction_id is not served here."))


def _is_extended(asked: QueryDict) -> bool:
    return asked.get("extensions", "") in {"true", "v1"}


def _service(code: str) -> Service:
    found = SERVICES.get(code)
    if found is None:
        raise _refused(HTTPStatus.NOT_FOUND, _("There is no such service_code; see services."))
    return found


def _service_out(service: Service) -> dict[str, Any]:
    parts = str(service.parts)
    return {
        "service_code": service.category.value,
        "service_name": str(service.category.label),
        "description": parts,
        "metadata": bool(service.attributes),
        "type": "realtime",
        "keywords": ",".join(part.strip() for part in parts.replace("،", ",").split(",")),
        "group": str(service.group),
    }


def _attribute_out(attribute: Attribute, order: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "variable": True,
        "code": attribute.code,
        "datatype": attribute.datatype,
        "required": False,
        "datatype_description": "",
        "order": order,
        "description": str(attribute.words),
    }
    if attribute.answers is not None:
        out["values"] = [
            {"key": key, "name": str(words)} for key, words in attribute.answers.items()
        ]
    return out
