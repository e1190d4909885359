"""Pages of letters: who reads what, who sees who has seen it, what a print tells."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import make_number
from bayan.core.rls import look_as
from bayan.correspondence import document, selectors, services
from bayan.correspondence.models import Address, Letter, Look
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import approval_of, make_letter, make_sent, task_of
from bayan.organisation.models import Node
from bayan.people.freshness import confirm
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.tests.factories import written_by
from conftest import StaffClient


def to(node: Node) -> list[To]:
    return [To(kind=Address.Kind.BODY, node=node)]


def address(name: str, letter: Letter) -> str:
    return reverse(f"correspondence:{name}", args=[letter.public_id])


@pytest.mark.parametrize(
    ("grade", "colleague_sees", "director_sees"),
    [
        (Letter.Grade.PUBLIC, True, True),
        (Letter.Grade.RESTRICTED, False, True),
        (Letter.Grade.SECRET, False, False),
    ],
)
def test_the_database_itself_keeps_a_letter_to_its_readers(
    office: Office, grade: str, colleague_sees: bool, director_sees: bool, now: datetime
) -> None:
    letter = make_sent(office.desk, office.writer, now=now, to=to(office.khobar), grade=grade)
    colleague = make_member(Role.Kind.VIEWER, office.khobar)
    director = make_member(Role.Kind.DIRECTOR, office.desk)

    def sees(member: Member) -> bool:
        look_as(member.pk)
        return Letter.objects.filter(pk=letter.pk).exists()

    assert [
        sees(one) for one in (office.writer, office.mayor, colleague, director, office.neighbour)
    ] == [
        True,
        True,
        colleague_sees,
        director_sees,
        False,
    ]


def test_a_circular_is_written_signed_read_and_done_by_pages(
    office: Office, client: StaffClient, now: datetime
) -> None:
    client.force_login(office.writer)
    page = client.post(
        reverse("correspondence:new"),
        {
            "subject": "مراجعة المضخات", "text": "نأمل الاطلاع خلال يومين", "kind": "circular",
            "wants": "acknowledge", "term_hours": "21", "grade": "public", "urgency": "urgent",
            "bodies": ["khobar"], "role": "",
        },
        follow=True,
    )  # fmt: skip
    letter = Letter.objects.get()
    # What a careful clerk would say.
    assert "السلام عليكم" in page.content.decode()
    client.post(address("submit", letter), {"signer": str(office.writer.public_id)})
    services.hand_over(now=now)

    client.force_login(office.mayor)
    page = client.get(address("letter", letter))
    assert "نأمل الاطلاع خلال يومين" in page.content.decode()
    client.post(address("finish", letter))

    client.force_login(office.writer)
    page = client.get(address("recipients", letter))
    assert 'data-stage="done"' in page.content.decode()
    assert Look.objects.filter(letter=letter, member=office.mayor).count() == 1


def test_who_else_got_it_is_shown_to_whoever_sent_it_and_a_body_sees_its_own(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = make_sent(office.desk, office.writer, now=now)
    head = make_member(Role.Kind.DIRECTOR, office.khobar)
    client.force_login(office.mayor)
    assert client.get(address("recipients", letter)).status_code == 403
    client.force_login(head)
    rows = client.get(address("recipients", letter)).content.decode()
    assert office.mayor.name_ar in rows
    assert office.neighbour.name_ar not in rows
    assert client.get(address("certificate", letter)).status_code == 403
    assert (
        office.neighbour.name_ar
        not in client.get(address("recipients_export", letter)).getvalue().decode()
    )


def test_recalled_nobody_who_got_it_reads_a_word(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    services.recall(letter.public_id, reason="خطأ في الموعد", by=office.writer, now=now)
    client.force_login(office.mayor)
    page = client.get(address("letter", letter)).content.decode()
    assert "خطة موسم الأمطار" not in page
    assert "خطأ في الموعد" not in page
    assert client.get(address("document", letter)).status_code == 409


def test_a_document_bears_its_number_and_a_classified_one_its_reader(
    office: Office, client: StaffClient, now: datetime
) -> None:
    letter = make_sent(
        office.desk, office.writer, now=now, to=to(office.khobar), grade=Letter.Grade.RESTRICTED
    )
    public = make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    # As a reader of PDF tells them, the last word first.
    marks = {
        reader: " ".join(reversed(reader.name_ar.split()))
        for reader in (office.mayor, office.writer)
    }
    for reader, other in ((office.mayor, office.writer), (office.writer, office.mayor)):
        client.force_login(reader)
        response = client.get(address("document", letter))
        assert response["Content-Type"] == "application/pdf"
        text = words_of(response.content)
        assert "1448/1" in text
        first_line = text.splitlines()[0]
        assert marks[reader] in first_line
        assert marks[other] not in first_line
        assert marks[reader] not in words_of(client.get(address("document", public)).content)
    client.force_login(office.mayor)
    assert Look.objects.filter(letter=letter, member=office.mayor, what="document").exists()
    client.force_login(office.writer)
    certificate = client.get(address("certificate", letter))
    text = words_of(certificate.content)
    assert (office.mayor.name_ar in text, "على المنصة" in text) == (True, True)


def words_of(pdf: bytes) -> str:
    import pypdfium2

    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def test_a_print_is_checked_without_an_account_and_tells_no_secret(
    office: Office, client: StaffClient, now: datetime
) -> None:
    public = make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    secret = make_sent(
        office.desk, office.writer, now=now, to=to(office.khobar), grade=Letter.Grade.SECRET
    )
    draft = make_letter(office.desk, office.writer, now=now)

    def checked(code: str) -> tuple[int, str]:
        response = client.get(reverse("correspondence:verify", args=[code]))
        return response.status_code, response.content.decode()

    status, page = checked(document.code_of(public))
    assert status == 200
    assert public.subject in page
    assert secret.subject not in checked(document.code_of(secret))[1].replace(public.reference, "")
    assert checked(document.code_of(draft))[0] == 404
    forged = document.code_of(public)[:-2] + "AA"
    assert checked(forged)[0] == 404


def test_the_list_asks_as_little_for_many_as_for_one(
    office: Office, client: StaffClient, now: datetime
) -> None:
    client.force_login(office.writer)

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            page = client.get(reverse("correspondence:letters"), {"view": "sent"})
        assert page.status_code == 200
        return len(caught)

    make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    one = statements()
    for _number in range(12):
        make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    assert statements() == one
    assert one <= 20


def test_what_is_secret_is_signed_with_a_second_factor_only(
    office: Office, client: StaffClient, now: datetime
) -> None:
    secret = make_letter(
        office.desk, office.writer, now=now, to=to(office.khobar), grade=Letter.Grade.SECRET
    )
    public = make_letter(office.desk, office.writer, now=now, to=to(office.khobar))
    client.force_login(office.writer)
    signer = {"signer": str(office.writer.public_id)}

    led = client.post(address("submit", secret), signer)
    client.post(address("submit", public), signer)

    assert led.headers["Location"].startswith(reverse("people:confirm_factor"))
    secret.refresh_from_db()
    public.refresh_from_db()
    assert (secret.state, public.state) == ("draft", "sent")


def test_a_letter_is_due_on_a_day_wants_a_file_and_goes_in_copy_to_a_person_and_a_list(
    office: Office, client: StaffClient, now: datetime
) -> None:
    make_number()
    assistant, clerk = (make_member(Role.Kind.VIEWER, office.qatif) for _number in range(2))
    listed = services.save_list("متابعة", [clerk], node=office.desk)
    client.force_login(office.writer)
    given = {
        "subject": "تنظيف المصارف", "text": "السلام عليكم\nخلال المدة\nوالسلام عليكم",
        "kind": "assignment", "wants": "do", "term_hours": "21", "due_on": "2026-12-03",
        "wants_proof": "on", "grade": "public", "urgency": "usual", "bodies": ["khobar"],
        "role": "", "copy_members": [str(assistant.public_id)],
        "copy_lists": [str(listed.public_id)],
    }  # fmt: skip
    page = client.post(reverse("correspondence:new"), given, follow=True).content.decode()
    letter = Letter.objects.get()
    # Both calendars, in both places where the day is shown.
    assert "جمادى" in page
    assert "جمادى" in client.get(address("edit", letter)).content.decode()
    before = letter.fingerprint
    Letter.objects.filter(pk=letter.pk).update(due_on="2026-12-04")
    letter.refresh_from_db()
    assert letter.fingerprint != before
    signer = {"signer": str(office.writer.public_id)}
    # A Friday.
    assert client.post(address("submit", letter), signer).status_code == 409
    Letter.objects.filter(pk=letter.pk).update(due_on="2026-12-03")
    client.post(address("submit", letter), signer)
    services.hand_over(now=now)
    letter.refresh_from_db()
    assert letter.due_at is not None
    assert timezone.localtime(letter.due_at).strftime("%F %R") == "2026-12-03 14:30"
    assert dict(letter.recipients.values_list("member", "is_copy")) == {
        office.mayor.pk: False, assistant.pk: True, clerk.pk: True,
    }  # fmt: skip

    client.force_login(office.mayor)
    assert client.post(address("finish", letter), {"words": "تم"}).status_code == 409
    report = SimpleUploadedFile("محضر.txt", "أُنجز".encode(), "text/plain")
    client.post(address("finish", letter), {"words": "تم", "proof": report})
    client.force_login(office.writer)
    page = client.get(address("recipients", letter)).content.decode()
    proof = letter.recipients.get(member=office.mayor).item.proofs.get()  # type: ignore[union-attr]
    assert reverse("work:picture", args=[proof.item.public_id, proof.pk]) in page
    assert "محضر.txt" in page


def test_how_bodies_answer_is_told_by_period_beside_the_one_before_and_as_a_file(
    office: Office, client: StaffClient, now: datetime
) -> None:
    # Ten days ago nothing was done in time; this week all was.
    make_sent(office.desk, office.writer, now=now - timedelta(days=10), to=to(office.khobar))
    letter = make_sent(office.desk, office.writer, now=now, to=to(office.khobar))
    by = Access.of(office.mayor, now=now)
    work.finish(task_of(letter).public_id, by=by, now=now)
    later = now + timedelta(hours=1)
    (khobar,), together = selectors.responses(Access.of(office.writer, now=now), days=7, now=later)
    assert (khobar.share, khobar.went) == (1, "better")
    assert khobar.before is not None
    assert together is not None
    assert (khobar.before.share, together.before and together.before.total) == (0, 1)

    client.force_login(office.writer)
    page = client.get(reverse("correspondence:responses"), {"days": "28"}).content.decode()
    assert 'aria-current="page"' in page
    saved = client.get(reverse("correspondence:responses_export"), {"days": "28"})
    lines = saved.getvalue().decode("utf-8-sig").splitlines()
    assert lines[1].startswith(office.khobar.name)
    assert "50%" in lines[1]
    assert len(lines) == 3
    client.force_login(office.neighbour)
    page = client.get(reverse("correspondence:responses")).content.decode()
    assert office.khobar.short_name not in page
    assert reverse("correspondence:responses") in client.get("/figures/").content.decode()


def test_somebody_elses_secret_draft_is_signed_with_a_code_and_by_no_press(
    office: Office, client: StaffClient, now: datetime
) -> None:
    make_number()
    editor = make_member(Role.Kind.EDITOR, office.desk)
    secret = make_letter(
        office.desk, editor, now=now, to=to(office.khobar), grade=Letter.Grade.SECRET
    )
    secret = services.submit(secret.public_id, signer=office.writer, by=editor, now=now)
    item = approval_of(secret)
    pressed = written_by(office.writer, kind="button_reply", choice_id="work-done")
    work.receive([(pressed, str(item.public_id))], now=now)
    assert f"/work/{item.public_id}/" in str(Outgoing.objects.latest("pk").content)

    client.force_login(office.writer)
    given = {"print": secret.submitted_hash, "end": "done"}
    led = client.post(address("decide", secret), given)
    assert led.headers["Location"].startswith(reverse("people:confirm_factor"))
    # The task's own page is no way round it.
    assert client.post(reverse("work:finish", args=[item.public_id]), given).status_code == 409
    secret.refresh_from_db()
    assert secret.state == Letter.State.REVIEW

    session = client.session
    confirm(session, now=timezone.now())
    session.save()
    assert client.post(address("decide", secret), given).status_code == 302
    secret.refresh_from_db()
    assert (secret.state, secret.signer) == (Letter.State.SENT, office.writer)


@pytest.mark.parametrize("grade", [Letter.Grade.PUBLIC, Letter.Grade.SECRET])
def test_a_secret_letter_is_on_no_page_list_file_or_search_of_whoever_did_not_get_it(
    client: StaffClient, office: Office, grade: str, now: datetime
) -> None:
    name = "رمز بوابة المستودع"
    letter = make_sent(
        office.desk, office.writer, now=now, to=to(office.khobar), grade=grade, subject=name
    )
    # The public one shows that the test looks where there is something to be seen.
    is_there = grade == Letter.Grade.PUBLIC
    client.force_login(make_member(Role.Kind.DIRECTOR, office.desk))
    of_it = (
        "letter",
        "document",
        "whole",
        "certificate",
        "recipients",
        "recipients_export",
        "digest",
    )
    answers = [client.get(address(each, letter)) for each in of_it]
    assert {answer.status_code == 200 for answer in answers} == {is_there}
    lists = [
        reverse("correspondence:letters") + "?view=sent&q=المستودع",
        reverse("correspondence:export") + "?view=sent",
        reverse("correspondence:letters") + "?view=sent",
    ]
    for path in lists:
        answer = client.get(path)
        said = b"".join(answer)
        assert (name in said.decode()) == is_there, path
    client.force_login(office.neighbour)
    assert {client.get(address(each, letter)).status_code for each in of_it} <= {403, 404}
    for path in lists:
        answer = client.get(path)
        said = b"".join(answer)
        assert name not in said.decode(), path
