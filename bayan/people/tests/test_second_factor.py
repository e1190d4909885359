"""The second factor: set up, asked for at sign-in and before what is grave, once a code, reset by others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone

from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.freshness import FRESH_FOR, GIVEN_AT, confirm, is_fresh
from bayan.people.models import Member, Role, Session
from bayan.people.permissions import Access, requires_fresh_factor
from bayan.people.services.second_factor import PERIOD, code_at
from bayan.people.tests.factories import make_member
from conftest import StaffClient

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
PASSWORD = "a long enough password"
ADDRESS, CONFIRM = "/me/second-factor/", "/me/confirm/"


@pytest.fixture(autouse=True)
def no_attempts() -> None:
    cache.clear()


@pytest.fixture
def director(desk: Node) -> Member:
    member = make_member(Role.Kind.DIRECTOR, desk)
    member.email = "director@eastern.example"
    member.set_password(PASSWORD)
    member.save()
    return member


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


def code(secret: str, now: datetime) -> str:
    return code_at(secret, int(now.timestamp()) // PERIOD)


def protected(member: Member, now: datetime = NOW) -> tuple[str, list[str]]:
    """A member with a second factor: its secret, and the codes on paper."""
    secret = services.new_factor_secret()
    return secret, services.set_up_second_factor(member, secret, code(secret, now), now=now)


def test_codes_are_those_of_the_standard() -> None:
    # RFC 4226, appendix D.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [code_at(secret, n) for n in range(4)] == ["755224", "287082", "359152", "969429"]


def test_each_code_is_taken_once_and_only_in_its_time(director: Member) -> None:
    secret, _paper = protected(director)
    later = NOW + timedelta(minutes=5)
    for wrong in (code(secret, NOW), code(secret, later + timedelta(minutes=2)), "000", "abc"):
        with pytest.raises(services.WrongCode):
            services.check_second_factor(director, wrong, now=later)
    # Half a minute late, in Arabic digits, with a space.
    digits = code(secret, later - timedelta(seconds=PERIOD))
    arabic = digits.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    services.check_second_factor(director, f"{arabic[:3]} {arabic[3:]}", now=later)
    with pytest.raises(services.WrongCode):
        services.check_second_factor(director, digits, now=later)
    services.check_second_factor(director, code(secret, later), now=later)
    # Nobody who reads the database makes codes.
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))


def test_a_code_on_paper_is_good_once_and_leaves_its_line(director: Member) -> None:
    _secret, paper = protected(director)
    assert len(set(paper)) == 10
    services.check_second_factor(director, paper[3], now=NOW)
    with pytest.raises(services.WrongCode):
        services.check_second_factor(director, paper[3], now=NOW)
    assert AuditEntry.objects.filter(action="member.recovery_code_used").count() == 1
    new = services.renew_recovery_codes(director, now=NOW)
    with pytest.raises(services.WrongCode):
        services.check_second_factor(director, paper[4], now=NOW)
    services.check_second_factor(director, new[4], now=NOW)


def test_it_is_set_up_by_the_picture_and_then_asked_for_at_sign_in(
    client: StaffClient, director: Member
) -> None:
    client.force_login(director)
    page = client.get(ADDRESS)
    assert "<svg" in page.content.decode()
    secret = page.context["secret"].replace(" ", "")
    assert client.post(ADDRESS, {"code": "000000"}).status_code == 422
    codes = client.post(ADDRESS, {"code": code(secret, timezone.now())})
    assert codes.headers["Cache-Control"].startswith("max-age=0")
    paper = codes.context["codes"]
    assert secret not in client.get(ADDRESS).content.decode()

    other = StaffClient()
    given = {"login": director.email, "password": PASSWORD}
    step = other.post(reverse("account_login"), given)
    assert (step.status_code, step.headers["Location"]) == (302, reverse("mfa_authenticate"))
    assert other.get("/me/").status_code == 302
    asked = other.get(step.headers["Location"])
    assert asked.status_code == 200
    wrong = other.post(step.headers["Location"], {"code": "000000"})
    assert wrong.status_code == 422
    assert other.get("/me/").status_code == 302
    done = other.post(step.headers["Location"], {"code": paper[0]})
    assert done.status_code == 302
    assert other.get("/me/").status_code == 200
    assert GIVEN_AT in other.session

    # Six digits are not tried out.
    third = StaffClient()
    third.post(reverse("account_login"), given)
    for _attempt in range(8):
        third.post(reverse("mfa_authenticate"), {"code": "000000"})
    locked = third.post(reverse("mfa_authenticate"), {"code": paper[1]})
    assert locked.status_code == 422
    assert StaffClient().get(reverse("mfa_authenticate")).status_code == 302


def test_whose_role_wants_it_gets_nowhere_without(client: StaffClient, director: Member) -> None:
    client.force_login(director)
    assert client.get("/me/").status_code == 200
    with override_settings(SECOND_FACTOR_ROLES=frozenset({"director"})):
        led = client.get("/cases/?state=late")
        assert led.headers["Location"] == f"{CONFIRM}?next=/cases/%3Fstate%3Dlate"
        assert client.get(led.headers["Location"]).headers["Location"].startswith(ADDRESS)
        page = client.get(ADDRESS)
        secret = page.context["secret"].replace(" ", "")
        client.post(ADDRESS, {"code": code(secret, timezone.now())})
        assert client.get("/cases/").status_code == 200
        # And it is not taken off.
        later = code(secret, timezone.now() + timedelta(seconds=PERIOD))
        assert client.post(ADDRESS, {"code": later, "do": "off"}).status_code == 409
    assert Authenticator.objects.filter(user=director).count() == 2
    responder = make_member(Role.Kind.RESPONDER, Node.objects.get(key="khobar"))
    with override_settings(SECOND_FACTOR_ROLES=frozenset({"director"})):
        client.force_login(responder)
        assert client.get("/cases/").status_code == 200


def test_who_has_lost_both_is_helped_by_whoever_is_in_charge_and_nobody_else(
    client: StaffClient, director: Member, administrator: Member, khobar: Node
) -> None:
    protected(director)
    theirs = StaffClient()
    theirs.force_login(director)
    address = reverse("people:reset_factor", args=[director.public_id])
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))
    assert client.post(address).status_code in {403, 404}
    client.force_login(director)
    assert client.post(address).status_code == 409

    client.force_login(administrator)
    page = client.get(reverse("people:member", args=[director.public_id])).content.decode()
    assert address in page
    assert client.post(address).status_code == 302

    assert not Authenticator.objects.exists()
    assert not Session.objects.filter(member=director).exists()
    line = AuditEntry.objects.get(action="member.second_factor_reset")
    assert line.actor == administrator.audit_key
    with pytest.raises(services.NoFactor):
        services.reset_second_factor(director, by=Access.of(administrator, now=NOW), now=NOW)


def test_a_code_is_fresh_for_ten_minutes_and_never_from_the_future() -> None:
    session: dict[str, Any] = {}
    assert not is_fresh(session, now=NOW)
    confirm(session, now=NOW)
    assert is_fresh(session, now=NOW + FRESH_FOR)
    assert not is_fresh(session, now=NOW + FRESH_FOR + timedelta(seconds=1))
    assert not is_fresh(session, now=NOW - timedelta(seconds=1))


@requires_fresh_factor
def approve(request: HttpRequest) -> HttpResponse:
    return HttpResponse("approved")


def test_what_is_grave_asks_for_a_code_and_leads_back(
    client: StaffClient, director: Member
) -> None:
    def asked(method: str, session: dict[str, Any], **headers: str) -> Any:
        request: Any = getattr(RequestFactory(), method)("/documents/7/approve", headers=headers)
        request.session, request.user, request.htmx = session, director, None
        return approve(request)

    led = asked("post", {}, referer="http://testserver/documents/7/")
    assert led.headers["Location"] == f"{CONFIRM}?next=/documents/7/"
    assert asked("post", {}, referer="http://evil.example/x").headers["Location"].endswith("next=/")
    session: dict[str, Any] = {}
    confirm(session, now=timezone.now())
    assert asked("post", session).content == b"approved"

    secret, _paper = protected(director, timezone.now() - timedelta(minutes=5))
    client.force_login(director)
    assert client.get(f"{CONFIRM}?next=/documents/7/").status_code == 200
    given = {"code": code(secret, timezone.now()), "next": "/documents/7/"}
    assert client.post(CONFIRM, given | {"code": "123456"}).status_code == 422
    assert client.post(CONFIRM, given).headers["Location"] == "/documents/7/"
    assert client.session[GIVEN_AT]
    outside = given | {"code": code(secret, timezone.now() + timedelta(seconds=PERIOD)),
                       "next": "https://evil.example/"}  # fmt: skip
    assert client.post(CONFIRM, outside).headers["Location"] == "/me/"
