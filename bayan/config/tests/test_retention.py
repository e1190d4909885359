"""Periods, holds, decisions: nothing is destroyed by itself or under a hold, and what was, leaves a line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bayan.channels import services as channels
from bayan.channels.models import Media, Reach
from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.correspondence import services as correspondence
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.services import File, To
from bayan.correspondence.tests.factories import make_director, make_letter, make_sent, tell
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.press.models import Story
from bayan.press.tests.factories import a_picture, a_story
from bayan.retention import periods, selectors, services
from bayan.retention.models import Decision, Hold
from bayan.retention.services import Thing
from bayan.work.models import Item
from conftest import StaffClient

PACK = """
[[periods]]
what = "letter"
kinds = ["circular"]
grades = ["secret"]

[[periods]]
what = "letter"
kinds = ["circular"]
years = 2
source = "جدول المدد، البند 4"

[[periods]]
what = "story"
years = 1
source = "جدول المدد، البند 9"
"""
LONG_AGO = timedelta(days=800)


@pytest.fixture(autouse=True)
def pack(tmp_path: Path, settings: Any) -> Iterator[None]:
    file = tmp_path / "retention.toml"
    file.write_text(PACK, encoding="utf-8")
    settings.RETENTION_FILE = file
    periods.of_pack.cache_clear()
    yield
    periods.of_pack.cache_clear()


@pytest.fixture
def director(desk: Node, now: datetime) -> Member:
    return make_director(desk, now=now)


def old_letter(desk: Node, by: Member, to: Node, *, now: datetime, **changes: Any) -> Letter:
    """A circular that was sent long ago, and done by its one recipient."""
    letter = make_sent(desk, by, now=now, to=[To(kind=Address.Kind.BODY, node=to)], **changes)
    Letter.objects.filter(pk=letter.pk).update(sent_at=now - LONG_AGO)
    return letter


def thing_of(letter: Letter) -> Thing:
    return Thing("letter", letter.public_id, letter.node, letter.reference)


def is_due(letter: Letter, *, now: datetime) -> bool:
    return selectors.is_due(thing_of(letter), now=now)


def test_the_first_rule_that_fits_says_when_and_what_none_names_is_kept(
    desk: Node, khobar: Node, director: Member, now: datetime
) -> None:
    make_member(Role.Kind.EXECUTIVE, khobar)
    circular = old_letter(desk, director, khobar, now=now)
    secret = old_letter(desk, director, khobar, now=now, grade=Letter.Grade.SECRET)
    memo = old_letter(desk, director, khobar, now=now, kind=Letter.Kind.MEMO)
    young = make_sent(desk, director, now=now)
    assert [is_due(one, now=now) for one in (circular, secret, memo, young)] == [
        True, False, False, False,
    ]  # fmt: skip
    services.decide(
        thing_of(circular), Decision.Verdict.KEEP, reason="قضية قائمة",
        until=(now + timedelta(days=30)).date(), by=director, now=now,
    )  # fmt: skip
    assert not is_due(circular, now=now)
    assert is_due(circular, now=now + timedelta(days=31))


def test_a_pack_without_a_source_for_a_period_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text('[[periods]]\nwhat = "letter"\nyears = 2\n', encoding="utf-8")
    with pytest.raises(services.RetentionUnreadable, match="source"):
        periods.read(file)


def test_destroyed_nothing_is_left_but_the_line_that_says_so(
    desk: Node, khobar: Node, director: Member, now: datetime
) -> None:
    make_number()
    make_director(khobar, now=now)
    draft = make_letter(
        desk, director, now=now, to=[To(kind=Address.Kind.BODY, node=khobar)],
        subject="موضوع سيُتلف", text="كلمات ستُتلف",
    )  # fmt: skip
    # No other test keeps, or removes, this very file.
    content = a_picture("#1d5c63")
    correspondence.attach(
        draft.public_id,
        [File(BytesIO(content), "صورة.jpg", "image/jpeg", kind="image")],
        by=director,
        now=now,
    )
    correspondence.submit(draft.public_id, signer=director, by=director, now=now)
    tell(now=now)
    Letter.objects.filter(pk=draft.pk).update(sent_at=now - LONG_AGO)
    letter = Letter.objects.get(pk=draft.pk)
    path = channels.media_path(letter.attachments.get().media)
    assert path.is_file()

    made = services.decide(
        thing_of(letter), Decision.Verdict.DESTROY, reason="انتهت المدة", by=director, now=now
    )

    assert made.digest == letter.submitted_hash
    assert not Letter.objects.exists()
    assert not Media.objects.exists()
    assert "كلمات" not in str(list(Reach.objects.values_list("words", "outgoing__content")))
    assert {item.title for item in Item.objects.all()} == {"—"}
    line = AuditEntry.objects.get(action="retention.destroyed")
    assert (line.details["number"], line.details["sha256"]) == (letter.reference, made.digest)
    assert "يُتلف" not in str(AuditEntry.objects.values_list("details", flat=True))
    with pytest.raises(services.NotDue):
        services.decide(
            thing_of(letter), Decision.Verdict.DESTROY, reason="ثانية", by=director, now=now
        )


def test_what_is_held_is_not_destroyed_until_the_hold_is_lifted(
    desk: Node, khobar: Node, director: Member, now: datetime
) -> None:
    make_member(Role.Kind.EXECUTIVE, khobar)
    letter = old_letter(desk, director, khobar, now=now)
    services.hold(thing_of(letter), "دعوى رقم 12", by=director, now=now)
    for verdict in (Decision.Verdict.DESTROY, Decision.Verdict.HAND_OVER):
        with pytest.raises(services.IsHeld):
            services.decide(thing_of(letter), verdict, reason="انتهت", by=director, now=now)
    services.lift(thing_of(letter), by=director, now=now)
    services.decide(
        thing_of(letter), Decision.Verdict.DESTROY, reason="انتهت", by=director, now=now
    )
    assert not Letter.objects.exists()
    assert Hold.objects.filter(lifted_by=director).count() == 1


def test_the_page_decides_of_what_is_ticked_in_ones_own_bodies_only(
    khobar: Node, qatif: Node, director: Member, client: StaffClient, now: datetime
) -> None:
    local = make_director(khobar, now=now)
    story = a_story(qatif, by=director, now=now, title="قصة القطيف")
    own = a_story(khobar, by=local, now=now, title="قصة الخبر", files=[a_picture()])
    Story.objects.update(state=Story.State.DECLINED, changed_at=now - LONG_AGO)

    client.force_login(local)
    with CaptureQueriesContext(connection) as for_one:
        page = client.get(reverse("retention:due")).content.decode()
    for _number in range(4):
        a_story(khobar, by=local, now=now)
    Story.objects.update(state=Story.State.DECLINED, changed_at=now - LONG_AGO)
    with CaptureQueriesContext(connection) as for_five:
        client.get(reverse("retention:due"))
    assert len(for_five) <= len(for_one)
    assert "قصة الخبر" in page
    assert "قصة القطيف" not in page
    ticked = {"what": "story", "verdict": "hand_over", "reason": "إلى المركز الوطني للوثائق"}
    foreign = client.post(reverse("retention:decide"), ticked | {"key": str(story.public_id)})
    assert foreign.status_code == 404
    client.post(reverse("retention:decide"), ticked | {"key": str(own.public_id)})
    assert Decision.objects.get().key == own.public_id
    # Whoever destroys gives a code of their second factor.
    asked = client.post(
        reverse("retention:decide"), ticked | {"key": str(own.public_id), "verdict": "destroy"}
    )
    assert asked.headers["Location"].startswith(reverse("people:confirm_factor"))
    assert Story.objects.count() == 6


def test_of_what_only_its_persons_see_the_page_tells_the_number_alone(
    desk: Node, khobar: Node, director: Member, now: datetime
) -> None:
    make_member(Role.Kind.EXECUTIVE, khobar)
    letter = old_letter(desk, director, khobar, now=now)
    Letter.objects.filter(pk=letter.pk).update(grade=Letter.Grade.TOP_SECRET)
    other = make_director(desk, now=now)
    with transaction.atomic(), connection.cursor() as cursor:
        look_as(other.pk)
        letters = selectors.due(Access.of(other, now=now), now=now)[0]
        cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    assert (letters.count, letters.unseen) == (0, 1)
