from __future__ import annotations

import re
from datetime import datetime, timedelta
from ipaddress import IPv6Address

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case, make_matter, started
from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.channels.tests.factories import incoming, make_template
from bayan.core.models import AuditEntry
from bayan.core.references import new_reference
from bayan.core.visitors import network_of
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.portal import selectors, services
from bayan.portal.models import Allowance, TrackingCode

HOME = "203.0.113.7"
LATER = timedelta(days=3)


def ask(case: Case, *, now: datetime, address: str = HOME, language: str = "ar") -> None:
    services.send_code(case.reference, address=address, language=language, now=now)


def sent_code() -> str:
    """The code as it stands in the latest message to the person."""
    content = str(Outgoing.objects.latest("pk").content).replace("\\n", " ")
    found = re.search(r"\b(\d{6})\b", content)
    assert found, content
    return found[1]


def code_template(language: str = "ar") -> Template:
    """As the provider gives it: the words are its own, the code stands in them and in the button."""
    return make_template(
        f"code_{language}",
        language=language,
        category=Template.Category.AUTHENTICATION,
        components=[
            {
                "type": "BODY",
                "text": "*{{1}}* هو كود التحقق الخاص بك.",
                "example": {"body_text": [["123456"]]},
            },
            {
                "type": "BUTTONS",
                "buttons": [
                    {
                        "type": "URL",
                        "text": "نسخ الرمز",
                        "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}",
                        "example": ["https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp123456"],
                    }
                ],
            },
        ],
    )  # fmt: skip


def test_inside_the_window_the_code_goes_out_as_text(db: None, now: datetime) -> None:
    case = make_case()

    ask(case, now=now)

    outgoing = Outgoing.objects.get()
    assert outgoing.contact == case.contact
    assert outgoing.content["type"] == "text"
    assert outgoing.expires_at == now + timedelta(minutes=10)
    assert sent_code() in outgoing.content["text"]["body"]
    # In no conversation: nobody of the staff reads a person's code.
    assert not Message.objects.filter(direction="out").exists()
    assert AuditEntry.objects.filter(action="case.code_sent", subject_key=case.reference).exists()


def test_the_window_is_the_numbers_whichever_body_they_wrote_to(
    khobar: Node, desk_responder: Member, now: datetime
) -> None:
    case = make_case(node=khobar)
    cases.close_case(
        case.public_id, outcome="resolved", basis=CONFIRMED, words="تم", by=desk_responder, now=now
    )
    names = dict(case.contact.identities.values_list("scheme", "value"))
    cases.take_in(
        [incoming("سؤال آخر", whatsapp_id=names["whatsapp"], phone=names["phone"],
                  received_at=now + LATER)],
        now=now + LATER,
    )  # fmt: skip

    ask(case, now=now + LATER)

    assert Outgoing.objects.latest("pk").content["type"] == "text"


def test_outside_the_window_an_approved_template_for_codes_carries_it(
    db: None, now: datetime
) -> None:
    case = make_case()
    arabic, english = code_template("ar"), code_template("en")

    ask(case, now=now + LATER, language="en")
    assert Outgoing.objects.latest("pk").template == english
    ask(case, now=now + LATER, language="ar")

    outgoing = Outgoing.objects.latest("pk")
    assert outgoing.template == arabic
    parts = outgoing.content["template"]["components"]
    assert {part["type"] for part in parts} == {"body", "button"}
    code = sent_code()
    assert services.open_case(case.reference, code, address=HOME, now=now + LATER)


def test_without_window_and_template_nothing_goes_out(db: None, now: datetime) -> None:
    case = make_case()
    make_template("case_update")
    code_template("ar")
    Template.objects.filter(name="code_ar").update(status=Template.Status.PAUSED)

    ask(case, now=now + LATER)

    assert not Outgoing.objects.exists()
    assert not TrackingCode.objects.exists()


def test_a_number_without_a_case_is_taken_just_as_calmly(db: None, now: datetime) -> None:
    services.send_code(new_reference(), address=HOME, language="ar", now=now)

    assert not Outgoing.objects.exists()
    assert services.open_case(new_reference(), "123456", address=HOME, now=now) is None


def test_the_code_opens_its_case_once(db: None, now: datetime) -> None:
    case, other = make_case(), make_case()
    ask(case, now=now)
    code = sent_code()

    assert services.open_case(other.reference, code, address=HOME, now=now) is None
    assert services.open_case(case.reference, code, address=HOME, now=now) == (
        case.public_id,
        case.contact.public_id,
    )
    assert services.open_case(case.reference, code, address=HOME, now=now) is None


def test_only_the_latest_code_counts(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)
    first = sent_code()
    ask(case, now=now)
    second = sent_code()

    if first != second:  # one in a million they are the same
        assert services.open_case(case.reference, first, address=HOME, now=now) is None
    assert services.open_case(case.reference, second, address=HOME, now=now)


def test_a_code_is_worth_nothing_after_ten_minutes(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)

    late = now + timedelta(minutes=10)

    assert services.open_case(case.reference, sent_code(), address=HOME, now=late) is None


def test_five_wrong_tries_end_a_code(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)
    code = sent_code()
    wrong = f"{(int(code) + 1) % 10**6:06}"

    for _try in range(5):
        assert services.open_case(case.reference, wrong, address=HOME, now=now) is None

    assert services.open_case(case.reference, code, address=HOME, now=now) is None


def test_only_a_hash_of_the_code_is_kept(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)
    code = sent_code()

    row = TrackingCode.objects.get()

    assert code.encode() not in bytes(row.hash)
    assert len(row.hash) == 32


def test_the_words_of_a_used_up_code_are_forgotten(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)
    Outgoing.objects.update(state=Outgoing.State.DELIVERED)

    services.forget(now=now + timedelta(minutes=11))
    assert Outgoing.objects.get().content == {}
    services.forget(now=now + timedelta(hours=2))
    assert not TrackingCode.objects.exists()


def test_what_is_on_its_way_keeps_its_words(db: None, now: datetime) -> None:
    case = make_case()
    ask(case, now=now)

    assert channels.forget_words([Outgoing.objects.get().pk]) == 0
    assert sent_code()


@pytest.mark.parametrize("exists", [True, False])
def test_a_number_gets_three_codes_an_hour_whether_it_exists_or_not(
    db: None, now: datetime, exists: bool
) -> None:
    reference = make_case().reference if exists else new_reference()
    for number in range(3):
        services.send_code(reference, address=f"198.51.100.{number}", language="ar", now=now)

    with pytest.raises(services.TooOften):
        services.send_code(reference, address="198.51.100.9", language="ar", now=now)

    an_hour_on = now + timedelta(hours=1)
    services.send_code(reference, address="198.51.100.9", language="ar", now=an_hour_on)


def test_an_address_asks_for_ten_codes_an_hour(db: None, now: datetime) -> None:
    for _number in range(10):
        services.send_code(new_reference(), address=HOME, language="ar", now=now)

    with pytest.raises(services.TooOften):
        services.send_code(new_reference(), address=HOME, language="ar", now=now)
    services.send_code(new_reference(), address="198.51.100.1", language="ar", now=now)


def test_an_address_tries_thirty_codes_an_hour(db: None, now: datetime) -> None:
    for _number in range(30):
        services.open_case(new_reference(), "000000", address=HOME, now=now)

    with pytest.raises(services.TooOften):
        services.open_case(new_reference(), "000000", address=HOME, now=now)


def test_no_address_is_kept(db: None, now: datetime) -> None:
    services.send_code(new_reference(), address=HOME, language="ar", now=now)

    assert all(HOME.encode() not in bytes(row.key) for row in Allowance.objects.all())


@given(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_household_with_ipv6_counts_as_one(network: int, one: int, other: int) -> None:
    address, neighbour = IPv6Address(network << 64 | one), IPv6Address(network << 64 | other)

    assert network_of(str(address)) == network_of(str(neighbour))


def test_an_ipv4_address_in_disguise_counts_as_itself() -> None:
    assert network_of("::ffff:203.0.113.7") == network_of("203.0.113.7")


def test_the_person_sees_the_steps_that_are_theirs(
    khobar: Node, qatif: Node, khobar_responder: Member, desk_responder: Member, now: datetime
) -> None:
    case = make_case("سري جدًا", node=khobar)
    cases.take_step(case.public_id, "start", by=khobar_responder, now=now)
    cases.take_step(case.public_id, "ask_person", by=khobar_responder, now=now)
    cases.set_priority(
        Case.objects.filter(pk=case.pk), priority="high", by=khobar_responder, now=now
    )
    cases.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=khobar_responder,
        now=now,
    )

    seen = selectors.tracked(str(case.public_id), str(case.contact.public_id))

    assert seen
    kinds = [step.kind for step in seen.steps]
    assert kinds == ["received", "assigned", "in_progress", "waits_for_person", "closed"]
    assert seen.body == khobar.name
    assert seen.may_rate
    shown = repr(seen)
    assert khobar_responder.name_ar not in shown
    assert "سري" not in shown


def test_passing_on_that_was_undone_has_never_been(
    khobar: Node, desk_responder: Member, now: datetime
) -> None:
    from bayan.core import undo

    case = make_case()
    done = cases.pass_on(Case.objects.filter(pk=case.pk), to=khobar, by=desk_responder, now=now)
    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)

    seen = selectors.tracked(str(case.public_id), str(case.contact.public_id))

    assert seen
    assert [step.kind for step in seen.steps] == ["received"]


def test_an_end_that_was_taken_back_before_it_was_told_has_never_been(
    desk_responder: Member,
) -> None:
    case = make_matter(2)[0]
    answer = started(case, desk_responder, outcome="resolved")
    cases.Delivery().step(now=answer.created_at)
    cases.take_back_answer(answer.public_id, by=desk_responder, now=answer.created_at)

    seen = selectors.tracked(str(case.public_id), str(case.contact.public_id))

    assert seen
    assert [step.kind for step in seen.steps] == ["received"]
    assert not seen.may_rate


def test_a_case_that_became_anothers_is_shown_no_more(db: None, now: datetime) -> None:
    case, other = make_case(), make_case()

    assert selectors.tracked(str(case.public_id), str(other.contact.public_id)) is None


def test_a_visitor_can_read_neither_codes_nor_counts(db: None) -> None:
    for table in ("portal_trackingcode", "portal_allowance", "portal_feedback"):
        for role in ("bayan_web", "bayan_login"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL ROLE {role}")
                with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                    cursor.execute(f"SELECT 1 FROM {table}")  # noqa: S608  # our tables
