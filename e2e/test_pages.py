"""Every page of the platform, in both languages: axe finds nothing, nothing stands out at the side, no error.

Which pages there are is read from the URL configuration, and what stands behind each from the permission
matrix: whoever adds a path and its line there has added it here. Only what the matrix leaves to other tests
needs a line in `EXAMPLES` or, where no page stands behind it, in `NO_PAGE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.signing import get_cookie_signer
from django.urls import URLPattern, reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.config.tests.test_permission_matrix import (
    DOORS,
    World,
    knock,
    made_world,
    make_member,
    patterns,
    world,
)
from bayan.correspondence import document
from bayan.correspondence.models import Letter
from bayan.correspondence.tests.factories import make_sent
from bayan.meetings.tests.factories import make_called, make_poll
from bayan.organisation.models import OutsideBody
from bayan.people import services as people
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.services.second_factor import PERIOD, code_at
from bayan.portal import views as portal
from bayan.press.models import Copy
from bayan.press.tests.factories import a_secret
from bayan.work import services as work
from conftest import StaffClient
from e2e.conftest import axe
from e2e.site import AXE_HERE, open_site

__all__ = ["made_world", "world"]  # fixtures


@dataclass
class Guide:
    """Who goes through the pages, and what they find there."""

    world: World
    # May do everything that a role lets one do, in the whole authority.
    member: Member
    client: StaffClient
    now: datetime

    @property
    def things(self) -> Any:
        """What belongs to the desk."""
        return self.world.things["eastern"]

    @property
    def access(self) -> Access:
        return Access.of(self.member, now=self.now)

    def another(self, kind: Role.Kind = Role.Kind.RESPONDER) -> Member:
        nodes = {key: things.node for key, things in self.world.things.items()}
        return make_member(f"{uuid4()}@pages.example", ((kind, "khobar"),), nodes)


# A page: where it stands (and as whom one looks at it, if not as whoever sees everything).
type Visit = tuple[str, StaffClient | None]


def at(name: str, *arguments: object) -> Visit:
    return reverse(name, args=arguments), None


def from_outside(name: str, *arguments: object) -> Visit:
    return reverse(name, args=arguments), StaffClient()


def certificate(guide: Guide) -> Visit:
    done = people.clear_member(
        guide.another(), successor=guide.another(), by=guide.access, now=guide.now
    )
    return at("people:certificate", done.public_id)


def turn(guide: Guide) -> Visit:
    begin = guide.now + timedelta(hours=1)
    slot = people.Slot(member=guide.member, starts_at=begin, ends_at=begin + timedelta(hours=8))
    (planned,) = people.plan_turns(guide.things.node, [slot], by=guide.access, now=guide.now)
    return at("people:turn", planned.public_id)


def invitation(guide: Guide) -> Visit:
    _invitation, secret = people.invite(
        email="new@example.org", phone="", name_ar="ريم العنزي", kind=Role.Kind.RESPONDER,
        node=guide.things.node, by=guide.access, now=guide.now,
    )  # fmt: skip
    return from_outside("people:accept", secret)


def with_second_factor(guide: Guide) -> Member:
    member = guide.another()
    member.set_password("a long enough password")
    member.save()
    secret = people.new_factor_secret()
    code = code_at(secret, int(guide.now.timestamp()) // PERIOD)
    people.set_up_second_factor(member, secret, code, now=guide.now)
    return member


def code_at_sign_in(guide: Guide) -> Visit:
    client = StaffClient()
    given = {"login": with_second_factor(guide).email, "password": "a long enough password"}
    step = client.post(reverse("account_login"), given)
    return step.headers["Location"], client


def code_before_what_is_grave(guide: Guide) -> Visit:
    client = StaffClient()
    client.force_login(with_second_factor(guide))
    return reverse("people:confirm_factor"), client


def followed_case(guide: Guide) -> Visit:
    case = Case.objects.select_related("contact").get(public_id=guide.things.case)
    client = StaffClient()
    signer = get_cookie_signer(salt=portal.COOKIE + portal.SALT + case.reference)
    client.cookies[portal.COOKIE] = signer.sign(f"{case.public_id}:{case.contact.public_id}")
    return reverse("portal:case", args=[case.reference]), client


def code_of_a_case(guide: Guide) -> Visit:
    reference = Case.objects.get(public_id=guide.things.case).reference
    return from_outside("portal:code", reference)


def surge_team(guide: Guide) -> Visit:
    hours = timedelta(hours=2)
    secret = cases.make_link(
        guide.things.surge, most=1, good_for=hours, help_for=hours, by=guide.access, now=guide.now
    )[1]
    return reverse("cases:surge_join", args=[secret]), guide.world.clients["responder of khobar"]


def task_by_link(guide: Guide) -> Visit:
    address = work.make_link(guide.things.item, by=guide.access, now=guide.now)
    return from_outside("work:link", address.rstrip("/").rpartition("/")[2])


def story_by_link(guide: Guide) -> Visit:
    copy = Copy.objects.select_related("release", "journalist").get(public_id=guide.things.copy)
    return from_outside("press:link", a_secret(copy, now=guide.now))


def letter(guide: Guide) -> Letter:
    return make_sent(guide.things.node, guide.member, now=guide.now)


def directive(guide: Guide) -> Visit:
    words = cases.Instruction(
        node=guide.things.node, giver="معالي الأمين", given_on=guide.now.date(), owner=guide.member,
        subject="الواجهة البحرية", due_at=guide.now + timedelta(days=3), text="الإفادة خلال ثلاثة أيام",
    )  # fmt: skip
    made = cases.register_directive(words, by=guide.member, now=guide.now)
    return at("cases:directive", made.public_id)


def minutes(guide: Guide) -> Visit:
    # It was yesterday.
    called_at = guide.now - timedelta(days=4)
    meeting = make_called(guide.things.node, guide.member, [guide.another()], now=called_at)
    return at("meetings:minutes", meeting.public_id)


def poll_in_the_making(guide: Guide) -> Visit:
    poll = make_poll(guide.things.node, guide.member, [guide.another()], now=guide.now)
    return at("meetings:edit_poll", poll.public_id)


# Of the paths that the matrix leaves to other tests, those behind which a page stands.
EXAMPLES: dict[str, Callable[[Guide], Visit]] = {
    "account_login": lambda _: from_outside("account_login"),
    "account_logout": lambda _: at("account_logout"),
    "mfa_authenticate": code_at_sign_in,
    "cases:change_deadlines": lambda _: (
        f"{reverse('cases:change_deadlines')}?priority=high",
        None,
    ),
    "cases:directive": directive,
    "cases:surge_join": surge_team,
    "contacts:merge": lambda g: at(
        "contacts:merge", g.things.contact, g.world.things["khobar"].contact
    ),
    "correspondence:digest": lambda g: at("correspondence:digest", letter(g).public_id),
    "correspondence:recipients": lambda g: at("correspondence:recipients", letter(g).public_id),
    "correspondence:verify": lambda g: from_outside(
        "correspondence:verify", document.code_of(letter(g))
    ),
    "meetings:edit_poll": poll_in_the_making,
    "meetings:minutes": minutes,
    "needs:thing": lambda g: at("needs:thing", g.things.owned_thing),
    "people:accept": invitation,
    "people:certificate": certificate,
    "people:clearance": lambda g: at("people:clearance", g.another().public_id),
    "people:confirm_factor": code_before_what_is_grave,
    "people:me": lambda _: at("people:me"),
    "people:member": lambda g: at("people:member", g.another().public_id),
    "people:second_factor": lambda _: at("people:second_factor"),
    "people:turn": turn,
    "portal:case": followed_case,
    "portal:code": code_of_a_case,
    "portal:track": lambda _: from_outside("portal:track"),
    "press:link": story_by_link,
    "retention:preview": lambda _: at("retention:preview", "case"),
    "retention:thing": lambda g: at("retention:thing", "letter", letter(g).public_id),
    "work:address": lambda _: at("work:address", "outside", OutsideBody.objects.earliest("pk").key),
    "work:link": task_by_link,
}
# What else answers a GET, and what stands there instead of a page.
NO_PAGE = {
    "home": "leads to the first page",
    "palette:palette": "a part of every page", "work:panel": "a part of the page of a case",
    "people:live": "a stream of news", "brand": "colours",
    "cases:file": "a PDF", "correspondence:document": "a PDF", "correspondence:certificate": "a PDF",
    "correspondence:open": "leads to the letter", "correspondence:file": "a file",
    "correspondence:recipients_export": "a table", "correspondence:answers_export": "a table",
    "correspondence:whole": "files", "correspondence:answer_picture": "a picture",
    "meetings:agenda_file": "a file", "meetings:minutes_document": "a PDF",
    "cases:picture": "a picture", "work:picture": "a picture", "work:paper": "a file", "needs:file": "a file",
    "press:link_file": "a file", "press:link_archive": "files",
    "healthz": "figures", "readyz": "figures", "metrics": "figures",
}  # fmt: skip
# For machines.
WITHOUT_PAGES = ("api", "open311")


def pages(guide: Guide) -> Iterator[tuple[str, Visit]]:
    """Every page with its name; fails for a path of which nobody has said what stands behind it."""
    unknown = []
    for name, pattern in patterns():
        if name.partition(":")[0] in WITHOUT_PAGES or name in NO_PAGE:
            continue
        if name in EXAMPLES:
            yield name, EXAMPLES[name](guide)
        elif door := DOORS.get(name):
            if "GET" in door.methods:
                address, data = door.request(name, guide.things)
                yield name, (f"{address}?{urlencode(data)}" if door.named_in else address, None)
        elif not is_for_sending_only(guide, name, pattern):
            unknown.append(name)
    assert not unknown, (
        f"{', '.join(unknown)}: a GET is answered there. Make an example in EXAMPLES, so that the page is "
        "looked at, or say in NO_PAGE what stands there instead of a page."
    )


def is_for_sending_only(guide: Guide, name: str, pattern: URLPattern) -> bool:
    """Whether a path refuses a GET, whatever stands behind it."""
    kinds = re.findall(r"<(\w+):", str(pattern.pattern))
    address = reverse(name, args=[NOTHING[kind] for kind in kinds])
    return any(
        knock(client, "GET", address).status_code == HTTPStatus.METHOD_NOT_ALLOWED
        for client in (guide.client, StaffClient())
    )


OF_A_LOOK = (
    "color-contrast", "scrollable-region-focusable", "target-size", "link-in-text-block", "html-has-lang",
    "html-lang-valid", "valid-lang", "aria-hidden-focus", "landmark-unique", "landmark-one-main",
    "page-has-heading-one", "button-name", "link-name",
)  # fmt: skip
NOTHING = {"uuid": UUID(int=0), "int": 0, "slug": "x", "str": "x"}


# Nothing waits, so nothing keeps the browser's loop from the database.
@pytest.fixture(scope="module", autouse=True)
def database_beside_the_browser() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture
def guide(world: World) -> Guide:
    nodes = {key: things.node for key, things in world.things.items()}
    roles = tuple((kind, "eastern") for kind in Role.Kind.values)
    member = make_member("all@pages.example", roles, nodes)
    people.end_tour(member, now=timezone.now())
    client = StaffClient()
    client.force_login(member)
    return Guide(world, member, client, timezone.now())


@pytest.mark.parametrize(
    ("language", "scheme", "width", "rules"),
    [
        pytest.param("ar", "light", 1366, (), marks=pytest.mark.xdist_group("e2e"), id="arabic"),
        # The same pages: only what words, colours and width change is looked for again.
        pytest.param(
            "en", "dark", 390, OF_A_LOOK, marks=pytest.mark.xdist_group("phone"), id="english"
        ),
    ],
)
def test_every_page_is_clean_fits_its_screen_and_raises_no_error(  # noqa: PLR0917
    guide: Guide,
    browser: Browser,
    language: str,
    scheme: Literal["light", "dark"],
    width: int,
    rules: Sequence[str],
) -> None:
    # Made before anybody looks: they share one connection.
    visits = list(pages(guide))
    context = browser.new_context(
        locale="en-GB", color_scheme=scheme, reduced_motion="reduce",
        viewport={"width": width, "height": 844},
    )  # fmt: skip
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    found: dict[str, list[str]] = {}
    looked_at = 0
    with open_site(guide.client) as site:
        for name, (address, visitor) in visits:
            site.visitor = visitor or guide.client
            site.visitor.cookies[settings.LANGUAGE_COOKIE_NAME] = language
            status, _headers, body = site.fetch(address)
            if status != HTTPStatus.OK:
                found[name] = [f"{address} answers {status}"]
            # Not a table, a file or a part of a page.
            elif body[:20].lower().startswith(b"<!doctype html"):
                faults = look(page, site.url + address, rules) + errors
                looked_at += 1
                if faults:
                    found[name] = faults
            errors.clear()
        # The browser asks for no more.
        context.close()
    assert found == {}
    assert looked_at > 100


def look(page: Page, address: str, rules: Sequence[str]) -> list[str]:
    """What is wrong with a page as it stands there, once it has fetched its parts."""
    page.goto(address)
    page.evaluate(ALL_IS_THERE)
    page.add_script_tag(url=AXE_HERE)
    return axe(page, rules=rules, is_there=True) + (
        ["stands out at the side"] if page.evaluate(STANDS_OUT) else []
    )


# From one drawing of the page to the next; who asks from outside waits longer.
ALL_IS_THERE = """async () => {
  while (document.querySelector(".htmx-request")) await new Promise(requestAnimationFrame);
}"""
STANDS_OUT = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
