"""What the provider says of accounts, numbers and templates: facts, alerts, and their ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.channels import services, wording
from bayan.channels.adapters.whatsapp import inbound
from bayan.channels.events import Notice
from bayan.channels.models import Account, Alert, Flow, Number, Portfolio, Template
from bayan.channels.services.notices import REACTIONS, limit_of
from bayan.channels.tests.factories import PHONE_NUMBER_ID, SINCE, make_account
from bayan.channels.tests.test_health import make_template
from bayan.core.models import AuditEntry

DISPLAY = "966112345678"


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def number(account: Account) -> Number:
    return account.numbers.get()


@pytest.fixture
def template(account: Account) -> Template:
    return make_template(account)


def hear(account: Account, field: str, *, at: datetime = SINCE, **value: Any) -> None:
    notice = Notice(field=field, business_id="1", value=value, at=at)
    services.apply_notices(account, [notice], now=at)


def about_template(account: Account, event: str, *, at: datetime = SINCE, **value: Any) -> None:
    named = {
        "message_template_id": 5001,
        "message_template_name": "storm_alert",
        "message_template_language": "ar",
        "reason": "NONE",
    }
    hear(account, "message_template_status_update", at=at, event=event, **named | value)


def open_alerts() -> dict[str, str]:
    return dict(Alert.objects.filter(resolved_at=None).values_list("kind", "severity"))


def test_every_notice_has_a_reaction_or_a_question_to_the_provider() -> None:
    only_asked_about = {"message_template_components_update"}
    assert inbound.NOTICES | {"errors"} == set(REACTIONS) | only_asked_about


def test_a_notice_lets_the_provider_be_asked(account: Account, now: datetime) -> None:
    Account.objects.update(sync_wanted_at=None)
    hear(account, "message_template_components_update", at=now)
    account.refresh_from_db()
    assert account.sync_wanted_at == now


@pytest.mark.parametrize(
    ("event", "status", "alerts"),
    [
        ("REJECTED", "REJECTED", {"template_rejected": "warning"}),
        ("PAUSED", "PAUSED", {"template_stopped": "critical"}),
        ("DISABLED", "DISABLED", {"template_stopped": "critical"}),
        ("FLAGGED", "APPROVED", {"template_flagged": "warning"}),
        ("LIMIT_EXCEEDED", "APPROVED", {"template_full": "warning"}),
    ],
)
def test_trouble_with_a_template_is_known_until_it_is_approved(
    account: Account, template: Template, event: str, status: str, alerts: dict[str, str]
) -> None:
    about_template(
        account, event, reason="ABUSIVE_CONTENT",
        rejection_info={"reason": "too loud", "recommendation": "calm down"},
    )  # fmt: skip

    template.refresh_from_db()
    assert template.status == status
    assert open_alerts() == alerts
    alert = Alert.objects.get()
    assert alert.template == template
    assert alert.facts == {
        "name": "storm_alert", "language": "ar", "reason": "ABUSIVE_CONTENT",
        "description": "too loud", "recommendation": "calm down",
    }  # fmt: skip
    assert bool(template.error) == (status != "APPROVED")

    about_template(account, "APPROVED", at=SINCE + timedelta(hours=1))

    template.refresh_from_db()
    assert (template.status, template.error) == ("APPROVED", None)
    assert open_alerts() == {}


def test_a_template_is_found_by_its_name_too_and_an_unknown_one_is_reported(
    account: Account, template: Template
) -> None:
    about_template(account, "PAUSED", message_template_id=None)
    template.refresh_from_db()
    assert template.status == "PAUSED"

    about_template(account, "PAUSED", message_template_id=9, message_template_name="other")
    assert Alert.objects.get(template=None).facts["name"] == "other"


def test_a_late_notice_does_not_undo_a_newer_one(account: Account, template: Template) -> None:
    about_template(account, "PAUSED", at=SINCE + timedelta(hours=2))
    about_template(account, "APPROVED", at=SINCE + timedelta(hours=1))

    template.refresh_from_db()
    assert template.status == "PAUSED"
    assert open_alerts() == {"template_stopped": "critical"}


def test_what_is_just_being_handed_in_stays_so(account: Account, template: Template) -> None:
    Template.objects.update(status="SUBMITTING")
    about_template(account, "APPROVED")
    template.refresh_from_db()
    assert template.status == "SUBMITTING"


def test_quality_of_a_template_falls_and_rises(account: Account, template: Template) -> None:
    def quality(score: str) -> None:
        hear(
            account, "message_template_quality_update", new_quality_score=score,
            message_template_id=5001,
        )  # fmt: skip
        template.refresh_from_db()

    quality("YELLOW")
    assert (template.quality, open_alerts()) == ("YELLOW", {"template_quality_low": "information"})
    quality("RED")
    assert (template.quality, open_alerts()) == ("RED", {"template_quality_low": "warning"})
    quality("GREEN")
    assert (template.quality, open_alerts()) == ("GREEN", {})
    quality("PURPLE")
    assert template.quality == "GREEN"


def test_a_new_category_is_announced_and_then_done(account: Account, template: Template) -> None:
    named: dict[str, Any] = {"message_template_id": "5001", "message_template_name": "storm_alert"}
    hear(
        account, "template_category_update", new_category="UTILITY", correct_category="MARKETING",
        category_update_timestamp=1795328100, **named,
    )  # fmt: skip
    template.refresh_from_db()
    assert template.category == "UTILITY"
    facts = Alert.objects.get().facts
    assert (facts["former"], facts["category"], facts["is_coming"]) == (
        "UTILITY",
        "MARKETING",
        True,
    )

    hear(
        account, "template_category_update", previous_category="UTILITY",
        new_category="MARKETING", **named,
    )  # fmt: skip
    template.refresh_from_db()
    assert template.category == "MARKETING"
    alert = Alert.objects.get()
    assert (alert.times, alert.facts["is_coming"]) == (2, False)


def test_quality_of_a_number_falls_and_rises(account: Account, number: Number) -> None:
    def event(name: str, **more: Any) -> None:
        hear(
            account, "phone_number_quality_update", event=name, display_phone_number=DISPLAY, **more
        )
        number.refresh_from_db()

    event("FLAGGED")
    assert (number.quality, open_alerts()) == ("RED", {"quality_low": "warning"})
    assert Alert.objects.get().number == number
    event("UNFLAGGED")
    assert open_alerts() == {}
    event("THROUGHPUT_UPGRADE")
    assert (number.throughput, open_alerts()) == (1000, {"throughput_raised": "information"})


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ("TIER_50", (True, 50)),
        ("TIER_250", (True, 250)),
        ("TIER_2K", (True, 2000)),
        ("TIER_100K", (True, 100_000)),
        ("TIER_UNLIMITED", (True, None)),
        ("TIER_NOT_SET", (False, None)),
        (1000, (True, 1000)),
        ("1000", (True, 1000)),
        (-1, (True, None)),
        ("-1", (True, None)),
        (-7, (False, None)),
        (True, (False, None)),
        (2**40, (False, None)),
        ("", (False, None)),
        (None, (False, None)),
        ([], (False, None)),
    ],
)
def test_limits_are_read_in_every_form(given: Any, limit: tuple[bool, int | None]) -> None:
    assert limit_of(given) == limit


def test_a_limit_is_the_whole_portfolios(account: Account) -> None:
    def limit(given: Any, field: str = "business_capability_update") -> int | None:
        hear(account, field, max_daily_conversations_per_business=given)
        return Portfolio.objects.get().daily_limit

    assert limit("TIER_2K") == 2000
    assert open_alerts() == {"limit_raised": "information"}
    assert limit(250, "phone_number_quality_update") == 250
    assert open_alerts() == {"limit_lowered": "warning"}
    assert Alert.objects.get(resolved_at=None).facts == {"former": 2000, "limit": 250}
    assert limit("TIER_NOT_SET") == 250
    assert limit(-1) is None
    assert open_alerts() == {"limit_raised": "information"}
    assert limit("TIER_UNLIMITED") is None
    assert Alert.objects.filter(kind="limit_raised").count() == 2


def test_a_name_is_decided(account: Account, number: Number) -> None:
    def decide(decision: str) -> None:
        hear(
            account, "phone_number_name_update", decision=decision, display_phone_number=DISPLAY,
            requested_verified_name="أمانة المنطقة الشرقية", rejection_reason="NAME_GUIDELINE",
        )  # fmt: skip
        number.refresh_from_db()

    decide("REJECTED")
    assert (number.name_status, number.verified_name) == ("REJECTED", "")
    assert open_alerts() == {"name_rejected": "warning"}
    decide("APPROVED")
    assert (number.name_status, number.verified_name) == ("APPROVED", "أمانة المنطقة الشرقية")
    assert open_alerts() == {}


@pytest.mark.parametrize(
    ("value", "kind", "facts"),
    [
        (
            {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}},
            "account_violation", {"what": "SPAM"},
        ),
        (
            {"event": "ACCOUNT_RESTRICTION", "restriction_info": [
                {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1795328100},
                "nonsense",
            ]},
            "account_restricted",
            {"what": "RESTRICTED_BIZ_INITIATED_MESSAGING", "at": "1795328100"},
        ),
        (
            {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE",
                                                      "waba_ban_date": "May 1, 2026"}},
            "account_banned", {"what": "SCHEDULE_FOR_DISABLE", "date": "May 1, 2026"},
        ),
        ({"event": "ACCOUNT_DELETED"}, "account_deleted", {}),
    ],
)  # fmt: skip
def test_trouble_with_the_account_is_critical(
    account: Account, value: dict[str, Any], kind: str, facts: dict[str, Any]
) -> None:
    hear(account, "account_update", **value)

    assert open_alerts() == {kind: "critical"}
    assert Alert.objects.get().facts == facts


def test_a_ban_that_is_lifted_settles_what_was_said_of_it(account: Account) -> None:
    hear(account, "account_update", violation_info={"violation_type": "SPAM"})
    hear(account, "account_update", ban_info={"waba_ban_state": "DISABLE"})
    hear(account, "account_update", ban_info={"waba_ban_state": "REINSTATE"})
    assert open_alerts() == {}


def test_a_review_is_decided(account: Account) -> None:
    hear(account, "account_review_update", decision="REJECTED")
    assert open_alerts() == {"account_review_rejected": "critical"}
    hear(account, "account_review_update", decision="APPROVED")
    assert open_alerts() == {}


def test_the_providers_own_alerts_are_told_apart(account: Account) -> None:
    def alert(what: str, severity: str, status: str = "ACTIVE") -> None:
        hear(
            account, "account_alerts", entity_type="WABA",
            alert_info={"alert_type": what, "alert_severity": severity, "alert_status": status,
                        "alert_description": "in its own words"},
        )  # fmt: skip

    alert("OBA_APPROVED", "INFORMATIONAL")
    alert("LIMIT_DEFERRED", "WARNING")
    assert open_alerts() == {
        "provider_alert:OBA_APPROVED": "information",
        "provider_alert:LIMIT_DEFERRED": "warning",
    }
    shown = wording.of_alert(Alert.objects.get(kind="provider_alert:LIMIT_DEFERRED"))
    assert shown.why == "in its own words"
    alert("LIMIT_DEFERRED", "WARNING", "NONE")
    assert set(open_alerts()) == {"provider_alert:OBA_APPROVED"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("PIN_CHANGED", "pin_changed"),
        ("PIN_RESET_REQUEST", "pin_reset_requested"),
        ("PIN_REQUEST_SUCCESS", "pin_reset_done"),
        ("SOMETHING_NEW", "security_notice"),
    ],
)
def test_whatever_is_about_the_pin_is_critical(
    account: Account, number: Number, event: str, kind: str
) -> None:
    hear(account, "security", event=event, display_phone_number="+966 11-234-5678", requester=77)

    assert open_alerts() == {kind: "critical"}
    alert = Alert.objects.get()
    assert (alert.number, alert.facts["requester"]) == (number, "77")


def test_of_several_numbers_the_named_one_is_meant(account: Account) -> None:
    number = account.numbers.get()
    Number.objects.create(
        account=account, external_id="2", display="+966 11 999 9999", node=number.node
    )
    for display, found in ((DISPLAY, number), ("966119999999", None), ("1", None)):
        Alert.objects.all().delete()
        hear(account, "security", event="PIN_CHANGED", display_phone_number=display)
        meant = Alert.objects.get().number
        assert meant == found or (display == "966119999999" and meant != number)


def test_a_form_that_is_stopped_is_reported_until_it_runs_again(account: Account) -> None:
    Flow.objects.create(account=account, external_id="77", name="بلاغ", status="PUBLISHED")
    hear(account, "flows", event="FLOW_STATUS_CHANGE", flow_id="77", new_status="BLOCKED")
    assert Flow.objects.get().status == "BLOCKED"
    assert open_alerts() == {"flow_stopped:77": "warning"}
    hear(account, "flows", event="FLOW_STATUS_CHANGE", flow_id="77", new_status="PUBLISHED")
    assert open_alerts() == {}


def test_errors_without_a_message_are_as_grave_as_they_are_for_one(account: Account) -> None:
    Account.objects.update(sync_wanted_at=None)
    hear(
        account, "errors", phone_number_id=PHONE_NUMBER_ID,
        errors=[{"code": 131031, "title": "Locked"}, {"code": 131052, "message": "no media"}, 7],
    )  # fmt: skip
    assert open_alerts() == {
        "provider_error:131031": "critical",
        "provider_error:131052": "information",
    }
    account.refresh_from_db()
    assert account.sync_wanted_at is None


def test_of_several_in_one_batch_the_latest_state_stays(
    account: Account, template: Template, now: datetime
) -> None:
    def notice(event: str, minutes: int) -> Notice:
        value = {"event": event, "message_template_id": 5001}
        at = now + timedelta(minutes=minutes)
        return Notice(field="message_template_status_update", business_id="1", value=value, at=at)

    services.apply_notices(account, [notice("APPROVED", 5), notice("PAUSED", 2)], now=now)

    template.refresh_from_db()
    assert template.status == "APPROVED"
    assert open_alerts() == {}
    changes = AuditEntry.objects.filter(action="template.state_changed").order_by("pk")
    assert [entry.details["status"] for entry in changes] == ["PAUSED", "APPROVED"]


def test_every_alert_of_ours_has_words(account: Account) -> None:
    told = {
        "template_rejected", "template_stopped", "template_flagged", "template_full",
        "template_quality_low", "template_recategorised", "quality_low", "throughput_raised",
        "limit_raised", "limit_lowered", "name_rejected", "account_violation",
        "account_restricted", "account_banned", "account_deleted", "account_review_rejected",
        "pin_changed", "pin_reset_requested", "pin_reset_done", "flow_stopped", "files_wait",
        "storage_failed",
    }  # fmt: skip
    assert told <= set(wording.ALERTS)


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["PAUSED", "5001", "TIER_2K", "x" * 600, 10**30, DISPLAY]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KEYS = [
    "event", "message_template_id", "message_template_name", "message_template_language", "reason",
    "rejection_info", "other_info", "disable_info", "new_quality_score", "correct_category",
    "new_category", "display_phone_number", "max_daily_conversations_per_business", "decision",
    "requested_verified_name", "violation_info", "ban_info", "restriction_info", "alert_info",
    "requester", "flow_id", "new_status", "errors", "phone_number_id",
]  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    field=st.sampled_from(sorted(REACTIONS)),
    value=st.dictionaries(st.sampled_from(KEYS), odd_values, max_size=8),
)
def test_no_notice_makes_us_fail(account: Account, field: str, value: dict[str, Any]) -> None:
    value = {key: part for key, part in value.items() if "\0" not in str(part)}
    hear(account, field, **{k: v for k, v in value.items() if k not in {"account", "field", "at"}})
