"""«خلاصة الردود»: drafted, edited, sent by a press, by the letter's grade, each person once."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError
from django.urls import reverse

from bayan.channels.models import Reach
from bayan.correspondence import services, summary
from bayan.correspondence.models import Address, Digest, DigestReader, Letter
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import make_sent
from bayan.people.permissions import Access
from bayan.work import services as work
from conftest import StaffClient


def asked(office: Office, *, now: datetime, grade: str = "public") -> Letter:
    """A request for facts to both bodies, which Khobar has answered."""
    letter = make_sent(
        office.desk,
        office.writer,
        now=now,
        kind=Letter.Kind.FACTS,
        wants="answer",
        grade=grade,
        to=[To(kind=Address.Kind.BODY, node=node) for node in (office.khobar, office.qatif)],
    )
    mine = letter.recipients.get(member=office.mayor)
    assert mine.item is not None
    work.finish(
        mine.item.public_id, by=Access.of(office.mayor, now=now), now=now, words="لدينا 14 مضخة"
    )
    return letter


def rounds() -> list[int]:
    return list(Reach.objects.filter(round__gt=1).order_by("pk").values_list("round", flat=True))


def test_it_is_drafted_from_what_they_answered_and_leaves_as_it_was_edited(
    office: Office, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = asked(office, now=now)
    draft = summary.draft(letter)
    assert f"• {office.khobar.name}: لدينا 14 مضخة" in draft
    assert office.qatif.name in draft
    assert "2" in draft.splitlines()[1]
    assert not Digest.objects.exists()

    services.send_digest(letter.public_id, f"{draft}\nشكرًا لكم", to=None, by=office.writer, now=now)
    # Killed on the way, it comes to each once.
    with monkeypatch.context() as dying:

        def die(*_rows: object, **_facts: object) -> None:
            raise DatabaseError("killed")

        dying.setattr(work, "tell_each", die)
        with pytest.raises(DatabaseError):
            services.hand_over_digests(now=now)
    assert services.hand_over_digests(now=now) == 2
    assert services.hand_over_digests(now=now) == 0
    assert rounds() == [11, 11]
    words = Reach.objects.filter(round=11, member=office.mayor).get().words
    assert "شكرًا لكم" in words["text"]


def test_of_what_is_classified_only_that_there_is_one_leaves_and_only_for_those_ticked(
    office: Office, now: datetime
) -> None:
    letter = asked(office, now=now, grade="restricted")
    chosen = letter.recipients.get(member=office.neighbour)
    services.send_digest(
        letter.public_id, "سر: 14 مضخة", to=[chosen.public_id], by=office.writer, now=now
    )
    services.hand_over_digests(now=now)
    row = Reach.objects.get(round=11)
    assert row.member == office.neighbour
    assert "14 مضخة" not in row.words["text"]
    assert DigestReader.objects.get().recipient == chosen


def test_its_page_its_readers_and_no_digest_of_what_was_recalled(
    client: StaffClient, office: Office, now: datetime
) -> None:
    letter = asked(office, now=now)
    address = reverse("correspondence:digest", args=[letter.public_id])
    client.force_login(office.writer)
    assert "14 مضخة" in client.get(address).content.decode()
    nobody = client.post(address, {"text": "خلاصة", "who": "some"})
    assert (nobody.status_code, Digest.objects.count()) == (422, 0)
    some = letter.recipients.get(member=office.neighbour)
    client.post(address, {"text": "للقطيف وحدها", "who": "some", "to": [str(some.public_id)]})
    client.post(address, {"text": "للجميع", "who": "all"})
    page = reverse("correspondence:letter", args=[letter.public_id])
    seen = {}
    for reader in (office.writer, office.mayor, office.neighbour):
        client.force_login(reader)
        content = client.get(page).content.decode()
        seen[reader] = ("للجميع" in content, "للقطيف وحدها" in content)
    assert list(seen.values()) == [(True, True), (True, False), (True, True)]
    client.force_login(office.mayor)
    assert client.get(address).status_code == 403
    services.recall(letter.public_id, reason="خطأ", by=office.writer, now=now)
    with pytest.raises(services.NotSent):
        services.send_digest(letter.public_id, "x", to=None, by=office.writer, now=now)
