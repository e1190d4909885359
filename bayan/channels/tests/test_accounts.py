"""Accounts: numbers, secrets that change without a gap, and trying an account out."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels import services
from bayan.channels.adapters.base import Outcome, Reaction, Stops
from bayan.channels.models import Account, Alert, Number, Outgoing, Portfolio, Template
from bayan.channels.services.accounts import forget_previous_app_secrets
from bayan.channels.services.reacting import react
from bayan.channels.services.testing import NoMobileNumber, international
from bayan.channels.tests.factories import PHONE_NUMBER_ID, SINCE, make_account
from bayan.channels.tests.provider import Provider, error_of
from bayan.channels.tests.test_syncing import NUMBER, TOKEN, provider, sync_due
from bayan.core.models import AuditEntry
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

__all__ = ["provider"]


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def staff(client: StaffClient, administrator: Member) -> StaffClient:
    client.force_login(administrator)
    client.cookies["bayan_language"] = "en"
    return client


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(answer.content.decode()).split())


def new_account(**changes: str) -> dict[str, str]:
    return {
        "name": "واتساب الأمانة", "key": "main", "nature": "real", "business_id": "104857600000002",
        "portfolio": "", "base_url": "https://graph.facebook.com",
        "external_id": "106540000000941", "display": "+966 11 234 0000", "node": "eastern",
        "app_secret": "a-new-app-secret", "verify_token": "a-verify-token",
        "access_token": "an-access-token",
    } | changes  # fmt: skip


# Adding and changing


def test_an_account_is_added_with_its_number_and_asked_about_at_once(
    staff: StaffClient, administrator: Member
) -> None:
    answer = staff.post(reverse("channels:new_account"), new_account())

    assert answer.status_code == 302, text_of(answer)
    account = Account.objects.get()
    assert (account.key, account.nature, account.business_id) == ("main", "real", "104857600000002")
    assert (account.app_secret, account.access_token) == ("a-new-app-secret", "an-access-token")
    assert account.numbers.get().external_id == "106540000000941"
    assert account.sync_wanted_at is not None
    created = AuditEntry.objects.get(action="account.created")
    assert created.actor == administrator.audit_key
    assert "secret" not in str(created.details)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("base_url", "http://graph.example.org", "needs an address with https"),
        ("base_url", "https://user@graph.example.org", "Only scheme, host and path"),
        ("external_id", "../../me", "Only digits"),
        ("external_id", PHONE_NUMBER_ID, "Another account has this number"),
        ("business_id", "abc", "Only digits"),
        ("display", "<script>", "Write it as"),
        ("key", "demo", "An account with this key exists"),
        ("key", "two words", "letters, numbers, underscores or hyphens"),
        ("access_token", "", "This field is required"),
        ("nature", "demo", "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    staff: StaffClient, account: Account, field: str, value: str, words: str
) -> None:
    answer = staff.post(reverse("channels:new_account"), new_account(**{field: value}))

    assert answer.status_code == 422
    assert words in text_of(answer)
    assert "a-new-app-secret" not in answer.content.decode()
    assert Account.objects.count() == 1


def test_an_exercise_reaches_the_emulator_only(staff: StaffClient) -> None:
    address = reverse("channels:new_account")
    refused = staff.post(address, new_account(nature="exercise"))
    assert refused.status_code == 422

    staff.post(address, new_account(nature="exercise", base_url="http://127.0.0.1:8100"))

    assert Account.objects.get().nature == "exercise"
    page = text_of(staff.get(reverse("channels:account", args=["main"])))
    assert "EXERCISE: reaches no real person" in page


def test_no_page_shows_a_secret(staff: StaffClient, account: Account) -> None:
    services.offer_access_token(account, "another-access-token", now=timezone.now())
    services.rotate_app_secret(
        account, "another-app-secret", keep_previous_until=timezone.now() + timedelta(hours=1),
        now=timezone.now(),
    )  # fmt: skip
    for name in ("channels:accounts", "channels:account", "channels:health"):
        page = staff.get(
            reverse(name, args=["demo"] if name == "channels:account" else [])
        ).content.decode()
        for secret in (
            "demo-app-secret", "demo-verify-token", "demo-access-token", "another-access-token",
            "another-app-secret",
        ):  # fmt: skip
            assert secret not in page
    entries = str(list(AuditEntry.objects.values_list("details", flat=True)))
    assert "another" not in entries


def test_the_page_says_who_set_each_secret_and_when(
    staff: StaffClient, account: Account, administrator: Member
) -> None:
    staff.post(reverse("channels:verify_token", args=["demo"]), {"token": "a-new-verify-token"})

    page = text_of(staff.get(reverse("channels:account", args=["demo"])))
    assert Account.objects.get().verify_token == "a-new-verify-token"
    assert f"Set by {administrator.name_en}" in page
    assert page.count("Set by Bayan itself") == 2


def test_facts_are_changed_and_the_reserve_is_the_portfolios(
    staff: StaffClient, account: Account
) -> None:
    facts = {
        "name": "New name", "business_id": "104857600000001", "portfolio": "",
        "base_url": "http://127.0.0.1:9", "api_version": "v26.0", "reserve_percent": "35",
    }  # fmt: skip
    answer = staff.post(reverse("channels:change_account", args=["demo"]), facts)

    assert answer.status_code == 302
    account.refresh_from_db()
    assert (account.name, account.api_version) == ("New name", "v26.0")
    assert Portfolio.objects.get(key="demo").reserve_percent == 35
    wrong = staff.post(
        reverse("channels:change_account", args=["demo"]), facts | {"reserve_percent": "101"}
    )
    assert wrong.status_code == 422


def test_the_question_where_it_is_has_a_switch_and_the_trail_says_who_turned_it(
    staff: StaffClient, account: Account
) -> None:
    facts = {
        "name": account.name, "business_id": account.business_id, "portfolio": "demo",
        "base_url": account.base_url, "api_version": "v25.0", "reserve_percent": "20",
    }  # fmt: skip
    page = reverse("channels:account", args=["demo"])

    for asks, said in (({"asks_where": "on"}, "people are asked"), ({}, "people are not asked")):
        staff.post(reverse("channels:change_account", args=["demo"]), facts | asks)
        account.refresh_from_db()
        assert account.asks_where == bool(asks)
        assert said in text_of(staff.get(page))
        assert ("checked" in staff.get(page).content.decode()) == bool(asks)
    assert AuditEntry.objects.filter(details__has_key="asks_where").count() == 2


def test_numbers_are_added_changed_and_removed_while_unused(
    staff: StaffClient, account: Account, khobar: Node
) -> None:
    address = reverse("channels:save_number", args=["demo"])
    staff.post(
        address, {"external_id": "4711471", "display": "+966 13 000 0000", "node": "eastern"}
    )
    staff.post(address, {"external_id": "4711471", "display": "+966 13 111 1111", "node": "khobar"})
    number = Number.objects.get(external_id="4711471")
    assert (number.display, number.node) == ("+966 13 111 1111", khobar)
    assert number.pace

    used = Number.objects.get(external_id=PHONE_NUMBER_ID)
    Outgoing.objects.create(
        node=used.node, number=used, to_phone="966500000105", lane=10, content={},
        not_before=SINCE, created_at=SINCE,
    )  # fmt: skip

    def remove(which: Number) -> int:
        return staff.post(reverse("channels:remove_number", args=["demo", which.pk])).status_code

    assert (remove(used), remove(number), remove(used)) == (409, 302, 409)
    assert list(account.numbers.all()) == [used]


def test_the_number_of_another_account_is_not_taken(staff: StaffClient, account: Account) -> None:
    staff.post(reverse("channels:new_account"), new_account())

    answer = staff.post(
        reverse("channels:save_number", args=["demo"]),
        {"external_id": "106540000000941", "display": "+966 11 1 23", "node": "eastern"},
    )

    assert answer.status_code == 422
    assert Number.objects.get(external_id="106540000000941").account.key == "main"


# Secrets


def test_the_old_app_secret_stays_beside_the_new_one_and_goes_in_time(
    account: Account, administrator: Member
) -> None:
    now = timezone.now()
    services.rotate_app_secret(
        account, "new", keep_previous_until=now + timedelta(hours=24), by=administrator, now=now
    )
    account.refresh_from_db()
    assert account.app_secret == "new"
    assert account.previous_app_secret_until == now + timedelta(hours=24)

    assert forget_previous_app_secrets(now=now + timedelta(hours=23)) == 0
    assert forget_previous_app_secrets(now=now + timedelta(hours=24)) == 1
    account.refresh_from_db()
    assert account.previous_app_secret_locked is None


def test_an_app_secret_is_refused_that_is_in_use_or_would_overlap_for_long(
    account: Account,
) -> None:
    now = timezone.now()
    with pytest.raises(services.SecretUnchanged):
        services.rotate_app_secret(account, "demo-app-secret", keep_previous_until=now, now=now)
    with pytest.raises(services.OverlapTooLong):
        services.rotate_app_secret(
            account, "new", keep_previous_until=now + timedelta(days=8), now=now
        )


def test_a_new_access_token_is_taken_once_the_provider_knows_it(provider: Provider) -> None:
    account = Account.objects.get()
    administrator = make_member(Role.Kind.ADMINISTRATOR, account.numbers.get().node)
    Number.objects.update(stopped_at=timezone.now(), stop_error={"code": 190})
    services.raise_alert(
        account, "sending_stopped", severity=Alert.Severity.CRITICAL, facts={"code": 190},
        now=timezone.now(),
    )  # fmt: skip
    services.offer_access_token(account, "new-token", by=administrator, now=timezone.now())
    assert Account.objects.get().access_token == "demo-access-token"

    sync_due()

    account.refresh_from_db()
    assert account.access_token == "new-token"
    assert (account.new_access_token_locked, account.new_access_token_at) == (None, None)
    assert provider.headers[0]["authorization"] == "Bearer new-token"
    # What follows in the same round asks with the new one already.
    asked_with = {each.get("authorization") for each in provider.headers}
    assert asked_with - {None} == {"Bearer new-token"}
    assert Number.objects.get().stopped_at is None
    assert not Alert.objects.filter(resolved_at=None).exists()
    changed = AuditEntry.objects.get(action="account.access_token_changed")
    assert changed.actor == administrator.audit_key


def test_a_token_that_the_provider_refuses_leaves_the_old_one_in_use(provider: Provider) -> None:
    account = Account.objects.get()
    provider.told[TOKEN] = (200, {"data": {"is_valid": False}})
    services.offer_access_token(account, "new-token", now=timezone.now())
    sync_due()
    account.refresh_from_db()
    assert account.access_token == "demo-access-token"
    assert account.new_access_token_error == {"code": 190}


def test_the_page_says_why_a_token_was_not_taken(staff: StaffClient, account: Account) -> None:
    address = reverse("channels:account", args=["demo"])
    staff.post(reverse("channels:access_token", args=["demo"]), {"token": "a-new-token"})
    assert "WhatsApp is being asked about the new token" in text_of(staff.get(address))

    Account.objects.update(new_access_token_error={"code": 190}, new_access_token_locked=None)

    assert "The new access token was not taken" in text_of(staff.get(address))


def test_a_token_that_does_not_open_a_number_is_not_taken(provider: Provider) -> None:
    provider.told[NUMBER] = (403, error_of(10))
    services.offer_access_token(Account.objects.get(), "new-token", now=timezone.now())

    sync_due()

    account = Account.objects.get()
    assert account.access_token == "demo-access-token"
    assert account.new_access_token_error is not None
    assert account.new_access_token_error["number"] == "+966 11 234 5678"


def test_a_token_waits_while_the_provider_does_not_answer(provider: Provider) -> None:
    provider.told[TOKEN] = (503, error_of(2))
    services.offer_access_token(Account.objects.get(), "new-token", now=timezone.now())
    sync_due()
    account = Account.objects.get()
    assert account.new_access_token_locked is not None
    assert account.new_access_token_error is None

    provider.told[TOKEN] = (200, {"data": {"is_valid": True}})
    sync_due()

    assert Account.objects.get().access_token == "new-token"


def test_the_token_handed_in_last_is_the_one_that_counts(account: Account) -> None:
    now = timezone.now()
    services.offer_access_token(account, "first", now=now)
    tried = Account.objects.get()
    services.offer_access_token(account, "second", now=now)

    from bayan.channels.services.accounts import refuse_new_token, take_new_token

    assert not take_new_token(tried, expires_at=None, now=now)
    assert not refuse_new_token(tried, {"code": 190}, now=now)
    assert take_new_token(Account.objects.get(), expires_at=None, now=now)
    assert Account.objects.get().access_token == "second"


def test_what_left_with_the_old_token_does_not_stop_the_number_again(account: Account) -> None:
    now = timezone.now()
    row = Outgoing.objects.create(
        node=account.numbers.get().node, number=account.numbers.get(), to_phone="966500000105",
        lane=10, content={}, not_before=now, created_at=now,
    )  # fmt: skip
    claimed = Outgoing.objects.select_related("number__account").get(pk=row.pk)
    refused = Outcome(reaction=Reaction.STOP, error={"code": 190}, stops=Stops.ACCOUNT)
    services.offer_access_token(account, "new", now=now)
    from bayan.channels.services.accounts import take_new_token

    take_new_token(Account.objects.get(), expires_at=None, now=now)

    react(claimed, refused, now=now)
    assert Number.objects.get().stopped_at is None

    react(Outgoing.objects.select_related("number__account").get(pk=row.pk), refused, now=now)
    assert Number.objects.get().stopped_at == now


# Trying it out


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0500000142", "966500000142"),
        ("500000142", "966500000142"),
        ("٠٥٠٠٠٠٠١٤٢", "966500000142"),
        ("+966 50 000 0142", "966500000142"),
        ("00966500000142", "966500000142"),
        ("966500000142", "966500000142"),
        ("+44 20 7946 0000", "442079460000"),
    ],
)
def test_a_mobile_is_read_however_it_is_written(written: str, read: str) -> None:
    assert international(written) == read


@pytest.mark.parametrize("written", ["", "05", "0112345678", "+966112345678", "abc", "+1" * 20])
def test_what_is_no_mobile_is_refused(written: str) -> None:
    with pytest.raises(NoMobileNumber):
        international(written)


def test_a_test_text_is_queued_before_everything_else_and_shows_its_progress(
    staff: StaffClient, account: Account
) -> None:
    number = account.numbers.get()
    answer = staff.post(
        reverse("channels:test_send"), {"number": number.pk, "phone": "0500000142", "text": "تجربة"}
    )

    row = Outgoing.objects.get()
    assert answer["Location"] == reverse("channels:test", args=[row.public_id])
    assert (row.to_phone, row.lane, row.content["type"]) == ("966500000142", 10, "text")
    assert "Queued" in text_of(staff.get(answer["Location"]))

    Outgoing.objects.update(
        state=Outgoing.State.FAILED, failed_at=timezone.now(), error={"code": 131047}
    )
    assert "More than 24 hours have passed" in text_of(staff.get(answer["Location"]))
    Outgoing.objects.update(
        state=Outgoing.State.READ, sent_at=SINCE, delivered_at=SINCE, read_at=SINCE, error=None
    )
    part = staff.get(answer["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert part.count("is-done") == 4
    # Nothing more will come.
    assert "hx-get" not in part


def test_a_template_is_tried_with_its_values(staff: StaffClient, account: Account) -> None:
    template = Template.objects.create(
        account=account, name="case_update", language="ar", category="UTILITY", status="APPROVED",
        components=[
            {"type": "BODY", "text": "بلاغكم {{1}} قيد المعالجة.", "example": {"body_text": [["123"]]}}
        ],
        changed_at=SINCE,
    )  # fmt: skip
    number = account.numbers.get()
    form = text_of(staff.get(reverse("channels:test_send") + f"?template={template.public_id}"))
    assert 'value="123"' in form

    data = {"number": number.pk, "phone": "0500000142", "template": template.public_id}
    refused = staff.post(reverse("channels:test_send"), data | {"value:body.1": "a\nb" * 600})
    assert refused.status_code == 422
    staff.post(reverse("channels:test_send"), data | {"value:body.1": "456"})

    row = Outgoing.objects.get()
    assert row.template == template
    assert "456" in str(row.content)


def test_nothing_is_queued_for_a_stopped_number(
    staff: StaffClient, account: Account, administrator: Member
) -> None:
    number = account.numbers.get()
    services.stop_number(number, reason="x", by=administrator, now=timezone.now())

    answer = staff.post(
        reverse("channels:test_send"), {"number": number.pk, "phone": "0500000142", "text": "x"}
    )

    assert answer.status_code == 422
    assert "This number is stopped" in text_of(answer)
    assert not Outgoing.objects.exists()


def test_a_message_to_the_public_is_no_test(staff: StaffClient, account: Account) -> None:
    row = Outgoing.objects.create(
        node=account.numbers.get().node, number=account.numbers.get(), to_phone="966500000105",
        lane=10, content={}, not_before=SINCE, created_at=SINCE,
    )  # fmt: skip
    assert staff.get(reverse("channels:test", args=[row.public_id])).status_code == 404


# Doors


@pytest.mark.parametrize("kind", [Role.Kind.DIRECTOR, Role.Kind.RESPONDER, Role.Kind.VIEWER])
def test_only_administrators_touch_accounts(
    client: StaffClient, account: Account, desk: Node, kind: Role.Kind
) -> None:
    client.force_login(make_member(kind, desk))
    for name in ("accounts", "new_account", "test_send"):
        assert client.get(reverse(f"channels:{name}")).status_code == 403
    assert client.get(reverse("channels:account", args=["demo"])).status_code == 403
    for name in ("change_account", "save_number", "app_secret", "verify_token", "access_token"):
        assert client.post(reverse(f"channels:{name}", args=["demo"]), {}).status_code == 403


def test_the_administrator_of_a_municipality_touches_only_its_own(
    client: StaffClient, account: Account, khobar: Node
) -> None:
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, khobar))
    assert client.get(reverse("channels:account", args=["demo"])).status_code == 403
    assert "demo" not in client.get(reverse("channels:accounts")).content.decode().split("<main")[1]
    assert client.post(reverse("channels:new_account"), new_account()).status_code == 403
    client.post(reverse("channels:new_account"), new_account(node="khobar"))
    assert Account.objects.get(key="main").numbers.get().node == khobar


def test_the_list_costs_the_same_queries_whatever_its_length(
    staff: StaffClient, account: Account
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            assert staff.get(reverse("channels:accounts")).status_code == 200
        return len(counted)

    few = queries()
    for position in range(5):
        services.save_account(
            key=f"a{position}", nature=Account.Nature.DEMO, name="ب", base_url="http://127.0.0.1:9",
            app_secret="s", verify_token="v", access_token="a",
            numbers={f"47{position}{n}": "+966 11 000 0000" for n in range(3)},
            node=account.numbers.get().node, now=SINCE,
        )  # fmt: skip
    assert queries() == few <= 12
