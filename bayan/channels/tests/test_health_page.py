"""What the health page says of every trouble, and who may do something about it."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from bayan.channels import health, services, wording
from bayan.channels.health import Level
from bayan.channels.models import Account, Alert, Number, Outgoing, Reached, Template
from bayan.channels.tests.factories import SINCE, make_account
from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from conftest import StaffClient


@pytest.fixture
def account(db: None) -> Account:
    """An account that is well: asked and heard a moment ago."""
    account, now = make_account(), timezone.now()
    Account.objects.update(
        business_id="104857600000001", synced_at=now, sync_wanted_at=None, last_webhook_at=now,
        token_is_valid=True, token_checked_at=now,
    )  # fmt: skip
    Number.objects.update(quality="GREEN")
    return Account.objects.get(pk=account.pk)


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def page(client: StaffClient, administrator: Member, account: Account) -> Callable[[], str]:
    client.force_login(administrator)
    client.cookies["bayan_language"] = "en"

    def look() -> str:
        answer = client.get(reverse("channels:health"))
        assert answer.status_code == 200
        return " ".join(html.unescape(answer.content.decode()).split())

    return look


def look(member: Member) -> health.AccountHealth:
    [account] = health.overview(Access.of(member, now=timezone.now()), now=timezone.now()).accounts
    return account


def queue(number: Number, **changes: Any) -> Outgoing:
    now = timezone.now()
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "to_phone": "966500000105", "lane": Outgoing.Lane.PERSON,
        "content": {"type": "text", "text": {"body": "تم"}}, "not_before": now, "created_at": now,
    }  # fmt: skip
    return Outgoing.objects.create(**facts | changes)


def test_an_account_without_troubles_is_well(
    page: Callable[[], str], administrator: Member
) -> None:
    assert look(administrator).level is Level.WELL
    assert "All channels are well." in page()
    assert "critical alert" not in page()


def test_a_refused_token_says_what_to_do_on_the_page_and_on_every_other(
    page: Callable[[], str], client: StaffClient, account: Account, administrator: Member
) -> None:
    services.raise_alert(
        account, "token_refused", severity=Alert.Severity.CRITICAL, now=timezone.now()
    )
    Account.objects.update(token_is_valid=False)

    words = page()

    assert "Does not work" in words
    assert "WhatsApp does not accept the access token" in words
    assert "Have a new access token made at the provider" in words
    inbox = client.get(reverse("inbox:conversations")).content.decode()
    assert "A channel has stopped working" in inbox
    client.force_login(make_member(Role.Kind.RESPONDER, account.numbers.get().node))
    assert (
        "A channel has stopped working"
        not in client.get(reverse("inbox:conversations")).content.decode()
    )


def test_a_stopped_number_says_why_and_goes_on_by_a_button(
    page: Callable[[], str], client: StaffClient, account: Account, administrator: Member
) -> None:
    number = account.numbers.get()
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 131048})
    services.raise_alert(
        account, "sending_stopped", severity=Alert.Severity.CRITICAL, number=number,
        facts={"code": 131048}, now=timezone.now(),
    )  # fmt: skip

    assert page().count("WhatsApp limits this number for now") == 1
    assert look(administrator).level is Level.CRITICAL

    answer = client.post(reverse("channels:resume_number", args=[number.pk]))

    assert answer.status_code == 302
    number.refresh_from_db()
    assert number.stopped_at is None
    assert not Alert.objects.filter(resolved_at=None).exists()
    entry = AuditEntry.objects.get(action="number.resumed")
    assert (entry.actor, entry.details) == (
        administrator.audit_key, {"number": number.external_id},
    )  # fmt: skip
    assert client.post(reverse("channels:resume_number", args=[number.pk])).status_code == 409


def test_a_number_stopped_by_hand_is_no_alarm_and_shows_its_reason(
    page: Callable[[], str], client: StaffClient, account: Account, administrator: Member
) -> None:
    number = account.numbers.get()
    address = reverse("channels:stop_number", args=[number.pk])
    assert client.post(address, {"reason": ""}).status_code == 422

    client.post(address, {"reason": "Moving to the new provider"})

    assert "Moving to the new provider" in page()
    assert look(administrator).level is Level.NOTE
    assert client.post(address, {"reason": "again"}).status_code == 409
    assert services.claim(now=timezone.now()) == []


def test_what_waits_failed_or_is_uncertain_is_counted_for_each_number(
    page: Callable[[], str], account: Account, administrator: Member
) -> None:
    number, now = account.numbers.get(), timezone.now()
    queue(number)
    queue(number, lane=Outgoing.Lane.BULK, not_before=now - timedelta(hours=1))
    queue(number, lane=Outgoing.Lane.BULK)
    queue(number, state=Outgoing.State.UNCERTAIN)
    for code in (131026, 131026, 131049):
        queue(
            number, state=Outgoing.State.FAILED, failed_at=now, error={"code": code, "title": "x"}
        )
    queue(number, state=Outgoing.State.FAILED, failed_at=now, error={"title": "expired"})
    queue(
        number, state=Outgoing.State.FAILED, failed_at=now - timedelta(hours=25),
        error={"code": 131026},
    )  # fmt: skip

    [found] = look(administrator).numbers

    assert [(lane.lane, lane.count) for lane in found.waiting] == [
        (str(Outgoing.Lane.PERSON.label), 1),
        (str(Outgoing.Lane.BULK.label), 2),
    ]
    assert found.uncertain == 1
    assert [failure.count for failure in found.failures] == [2, 1, 1]
    assert found.failures[0].error == {"code": 131026}
    assert {str(failure.error) for failure in found.failures[1:]} == {
        "{'code': 131049}",
        "{'title': 'expired'}",
    }
    words = page()
    assert "Messages wait longer than usual" in words
    assert "Nobody knows whether some messages arrived" in words
    assert "They were too late to be of use and were not sent." in words


def test_the_messaging_limit_is_counted_over_24_hours(
    page: Callable[[], str], account: Account, administrator: Member
) -> None:
    portfolio, now = account.portfolio, timezone.now()
    portfolio.daily_limit = 10
    portfolio.save()
    for position in range(9):
        Reached.objects.create(
            portfolio=portfolio, recipient=str(position), reached_at=now - timedelta(hours=1)
        )
    Reached.objects.create(
        portfolio=portfolio, recipient="old", reached_at=now - timedelta(hours=25)
    )

    assert "9 of 10" in page()
    assert "The messaging limit is nearly used up" in page()

    Reached.objects.create(portfolio=portfolio, recipient="tenth", reached_at=now)
    assert "The messaging limit is used up" in page()


def test_messages_that_go_out_with_no_word_coming_back_are_an_alarm(
    page: Callable[[], str], account: Account, administrator: Member
) -> None:
    now = timezone.now()
    Account.objects.update(last_webhook_at=now - timedelta(hours=1))
    number = account.numbers.get()
    queue(number, state=Outgoing.State.SENT, sent_at=now - timedelta(minutes=1), claimed_at=now)
    assert look(administrator).level <= Level.WARNING

    queue(number, state=Outgoing.State.SENT, sent_at=now - timedelta(minutes=10), claimed_at=now)

    assert look(administrator).level is Level.CRITICAL
    assert "WhatsApp does not reach us" in page()


@pytest.mark.parametrize(
    ("at", "heard", "is_quiet"),
    [
        ("2026-11-23T12:00+03:00", "2026-11-23T08:30+03:00", True),  # a Monday
        ("2026-11-23T12:00+03:00", "2026-11-23T10:30+03:00", False),
        ("2026-11-23T10:00+03:00", "2026-11-22T14:30+03:00", False),  # two hours after opening
        ("2026-11-23T22:00+03:00", "2026-11-23T10:30+03:00", False),
        ("2026-11-27T12:00+03:00", "2026-11-25T10:30+03:00", False),  # a Friday
    ],
)
def test_silence_counts_in_working_time_only(at: str, heard: str, is_quiet: bool) -> None:
    found = health._is_quiet_in_working_hours(
        datetime.fromisoformat(heard), now=datetime.fromisoformat(at)
    )
    assert found is is_quiet


def test_templates_of_no_use_are_named_with_their_reason(
    page: Callable[[], str], account: Account
) -> None:
    Template.objects.create(
        account=account, name="storm_alert", language="ar", category="UTILITY", status="REJECTED",
        components=[], error={"reason": "INVALID_FORMAT"}, changed_at=SINCE,
    )  # fmt: skip
    words = page()
    assert "storm_alert" in words
    with override("en"):
        assert services.templates.why(Template.objects.get()) in words


def test_an_alert_is_settled_and_taken_back(
    page: Callable[[], str], client: StaffClient, account: Account, administrator: Member
) -> None:
    alert = services.raise_alert(
        account, "quality_low", severity=Alert.Severity.WARNING, number=account.numbers.get(),
        now=timezone.now(),
    )  # fmt: skip
    client.post(reverse("channels:settle_alert", args=[alert.pk]))

    assert "Marked as settled: The number's quality is low" in page()
    alert.refresh_from_db()
    assert alert.resolved_by == administrator

    client.post(reverse("channels:reopen_alert", args=[alert.pk]))

    alert.refresh_from_db()
    assert alert.resolved_at is None
    assert AuditEntry.objects.filter(action="account.alert_reopened").count() == 1


def test_an_alert_that_came_back_meanwhile_is_not_reopened_beside_it(
    page: Callable[[], str], client: StaffClient, account: Account
) -> None:
    facts: dict[str, Any] = {"severity": Alert.Severity.WARNING, "now": timezone.now()}
    alert = services.raise_alert(account, "token_expires", **facts)
    client.post(reverse("channels:settle_alert", args=[alert.pk]))
    services.raise_alert(account, "token_expires", **facts)

    answer = client.post(reverse("channels:reopen_alert", args=[alert.pk]))

    assert answer.status_code == 409
    assert Alert.objects.filter(resolved_at=None).count() == 1


def test_the_worst_trouble_stands_first_whichever_number_has_it(
    account: Account, administrator: Member
) -> None:
    Account.objects.update(business_id="")
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 190}, quality="YELLOW")
    services.raise_alert(
        account, "token_expires", severity=Alert.Severity.WARNING, now=timezone.now()
    )

    ranked = look(administrator).ranked

    assert [problem.level.name for problem, _number in ranked] == [
        "CRITICAL", "WARNING", "NOTE", "NOTE",
    ]  # fmt: skip
    assert ranked[0][1] == account.numbers.get()
    assert ranked[1][1] is None


def test_the_worst_account_stands_first(account: Account, administrator: Member) -> None:
    services.save_account(
        key="zz", nature=Account.Nature.DEMO, name="أ", base_url="http://127.0.0.1:9",
        app_secret="s", verify_token="v", access_token="a", numbers={"4711": "+966 11 000 0000"},
        node=account.numbers.get().node, now=SINCE,
    )  # fmt: skip
    other = Account.objects.get(key="zz")
    services.raise_alert(
        account, "token_refused", severity=Alert.Severity.CRITICAL, now=timezone.now()
    )

    def order() -> list[str]:
        found = health.overview(
            Access.of(administrator, now=timezone.now()), now=timezone.now()
        ).accounts
        return [each.account.key for each in found]

    assert order() == ["demo", "zz"]
    Number.objects.filter(account=other).update(stopped_at=SINCE, stop_error={"code": 368})
    services.mark_settled(Alert.objects.get().pk, by=administrator, now=timezone.now())
    assert order() == ["zz", "demo"]


def test_it_costs_the_same_few_queries_for_many_accounts(
    page: Callable[[], str], account: Account
) -> None:
    Account.objects.update(last_webhook_at=None)
    page()
    with CaptureQueriesContext(connection) as one:
        page()
    for position in range(5):
        services.save_account(
            key=f"a{position}", nature=Account.Nature.DEMO, name="ب", base_url="http://127.0.0.1:9",
            app_secret="s", verify_token="v", access_token="a",
            numbers={f"47{position}{n}": "+966 11 000 0000" for n in range(3)},
            node=account.numbers.get().node, now=SINCE,
        )  # fmt: skip
        for number in Number.objects.filter(account__key=f"a{position}"):
            queue(number, state=Outgoing.State.FAILED, failed_at=timezone.now(), error={"code": 1})
            services.raise_alert(
                number.account, "quality_low", severity=Alert.Severity.WARNING, number=number,
                now=timezone.now(),
            )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        page()
    assert len(many) == len(one) <= 25


def test_a_director_looks_and_settles_but_stops_nothing(
    client: StaffClient, director: Member, account: Account
) -> None:
    client.force_login(director)
    number = account.numbers.get()
    page = client.get(reverse("channels:health"))
    assert page.status_code == 200
    # No way is shown that ends at a closed door.
    assert f'href="{reverse("channels:accounts")}' not in page.content.decode()
    for name in ("stop_number", "resume_number"):
        answer = client.post(reverse(f"channels:{name}", args=[number.pk]), {"reason": "x"})
        assert answer.status_code == 403


def test_a_municipality_sees_its_own_numbers_only(
    client: StaffClient, khobar: Node, account: Account
) -> None:
    member = make_member(Role.Kind.DIRECTOR, khobar)
    client.force_login(member)
    assert "demo" not in client.get(reverse("channels:health")).content.decode().split("<main")[1]
    alert = services.raise_alert(
        account, "quality_low", severity=Alert.Severity.WARNING, number=account.numbers.get(),
        now=timezone.now(),
    )  # fmt: skip
    assert client.post(reverse("channels:settle_alert", args=[alert.pk])).status_code == 403
    assert client.post(reverse("channels:ask_account", args=["demo"])).status_code == 404


def test_a_responder_has_no_such_page(client: StaffClient, desk: Node, account: Account) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, desk))
    assert client.get(reverse("channels:health")).status_code == 403


def test_every_known_trouble_says_what_happened_why_and_what_to_do() -> None:
    # Good news asks for nothing.
    good_news = [words for words in wording.ALERTS.values() if not words.todo]
    assert len(good_news) < len(wording.ALERTS) / 3
    for words in (*wording.STOPS.values(), *wording.ALERTS.values(), wording.STOPPED):
        assert words.title
        assert words.why
        assert words.todo or words in good_news


def test_every_error_that_stops_has_words_of_its_own() -> None:
    from bayan.channels.adapters.base import Stops
    from bayan.channels.adapters.whatsapp.errors import STOP

    wanted = {code for code, reach in STOP.items() if reach is not Stops.TEMPLATE}
    assert wanted <= wording.STOPS.keys()
