"""The short way to a letter: six fields, from the list, a case or what was passed on."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

from django.urls import reverse

from bayan.cases.models import Forward
from bayan.cases.tests.factories import make_case
from bayan.channels.tests.factories import make_number
from bayan.correspondence.models import Letter
from bayan.correspondence.tests.conftest import Office
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

ASK = reverse("correspondence:ask")


def test_facts_are_asked_for_in_six_fields_and_leave_with_one_press(
    office: Office, client: StaffClient
) -> None:
    make_number()
    client.force_login(office.writer)
    page = client.get(ASK, {"kind": "facts"})
    assert len(page.context["form"].fields) + 1 == 6  # and the files
    file = BytesIO(b"%PDF-1.4\n%%EOF")
    file.name = "المرفق.pdf"
    given = {
        "kind": "facts", "do": "send", "to": f"body:{office.khobar.key}", "subject": "حفرية شارع الأمير",
        "text": "نأمل الإفادة عن موعد الردم.", "term_hours": "7", "grade": "public", "files": file,
    }  # fmt: skip
    sent = client.post(ASK, given)
    letter = Letter.objects.get()
    assert sent.headers["Location"] == reverse("correspondence:letter", args=[letter.public_id])
    assert (letter.kind, letter.wants, letter.state, letter.term_hours) == (
        "facts", "answer", "sent", 7,
    )  # fmt: skip
    assert letter.text.startswith("السلام عليكم")
    assert letter.attachments.count() == 1
    assert [line.node for line in letter.addresses.select_related("node")] == [office.khobar]


def test_what_is_secret_or_not_ones_own_to_sign_stays_a_draft_and_more_options_keep_what_was_typed(
    office: Office, client: StaffClient
) -> None:
    given = {
        "kind": "assignment", "do": "send", "to": "municipalities", "subject": "رفع المخلفات",
        "text": "يُرفع خلال يومين.", "term_hours": "21", "grade": "secret",
    }  # fmt: skip
    client.force_login(office.writer)
    client.post(ASK, given)
    client.force_login(make_member(Role.Kind.EDITOR, office.desk))
    client.post(ASK, given | {"grade": "public"})
    assert set(Letter.objects.values_list("state", "wants")) == {("draft", "do")}
    more = client.post(ASK, given | {"grade": "public", "do": "more"})
    last = Letter.objects.latest("pk")
    assert more.headers["Location"] == reverse("correspondence:edit", args=[last.public_id])
    assert "رفع المخلفات" in client.get(more.headers["Location"]).content.decode()
    assert client.post(ASK, given | {"to": ""}).status_code == 422


def test_it_begins_with_the_case_or_with_what_was_passed_on_and_without_the_persons_words(
    office: Office, client: StaffClient, now: datetime
) -> None:
    case = make_case("أنا فهد، بيتي غرق", now=now)
    forward = Forward.objects.create(
        node=office.qatif, text="منقول: انقطاع المياه", received_at=now,
        said={"municipality": office.khobar.key},
    )  # fmt: skip
    client.force_login(office.writer)
    of_case = client.get(ASK, {"case": case.reference}).context["form"]
    assert of_case["to"].value() == f"body:{case.node.key}"
    assert case.reference[:3] in of_case["text"].value()
    assert "فهد" not in of_case["text"].value() + of_case["subject"].value()
    of_forward = client.get(ASK, {"forward": str(forward.public_id)}).context["form"]
    assert of_forward["to"].value() == f"body:{office.khobar.key}"
    assert "انقطاع المياه" in of_forward["text"].value()
    assert client.get(ASK, {"case": "999999999"}).status_code == 200
