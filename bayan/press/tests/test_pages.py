"""Pages of stories: what each reader may see and do there, and what they cost."""

from __future__ import annotations

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.tests.factories import body_part, make_template
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.press import services
from bayan.press.models import Release, Story
from bayan.press.tests.factories import a_journalist, a_list, a_picture, a_story
from conftest import StaffClient


@pytest.fixture
def editor(desk: Node) -> Member:
    return make_member(Role.Kind.EDITOR, desk)


def test_a_story_goes_from_the_form_to_a_sending(
    client: StaffClient, khobar_responder: Member, editor: Member, desk: Node
) -> None:
    part = body_part("خبر: {{1}} {{2}}", "افتتاح الممشى", "https://bayan.example.org/n/x")
    make_template("press_story", components=[part])
    client.force_login(khobar_responder)
    picture = io.BytesIO(a_picture())
    picture.name = "الممشى.jpg"
    done = client.post(
        reverse("press:new"),
        {
            "title": "الممشى",
            "text": "افتتحنا الممشى اليوم",
            "shows_people": "none",
            "files": picture,
        },
    )
    story = Story.objects.get()
    assert done["Location"] == reverse("press:story", args=[story.public_id])
    page = client.get(done["Location"]).content.decode()
    assert reverse("press:edit", args=[story.public_id]) not in page

    client.force_login(editor)
    page = client.get(done["Location"]).content.decode()
    assert reverse("press:edit", args=[story.public_id]) in page
    file = story.files.get()
    small = client.get(
        reverse("press:file", args=[story.public_id, file.public_id]), {"size": "small"}
    )
    assert small["Content-Type"] == "image/jpeg"
    client.post(
        reverse("press:approve", args=[story.public_id]),
        {"weight": "routine", "version": story.version()},
    )
    one = a_journalist(desk, now=timezone.now(), phone="")
    two = a_journalist(desk, now=timezone.now())
    made = a_list(desk, one, two)
    address = reverse("press:send", args=[story.public_id])
    preview = client.get(address, {"list": str(made.public_id)}).context
    assert preview["reach"].count == 1
    refused = client.post(
        address, {"list": str(made.public_id), "to": str(two.public_id), "version": story.version()}
    )
    assert refused.status_code == 302
    state = client.get(refused["Location"]).content.decode()
    assert reverse("press:copy_link", args=[one.copies.get().public_id]) in state
    linked = client.post(reverse("press:copy_link", args=[one.copies.get().public_id]))
    assert "/n/" in linked.content.decode()
    services.deliver(now=timezone.now())
    for do in ("pause_release", "resume_release", "withdraw_release"):
        release = Release.objects.get()
        done = client.post(reverse(f"press:{do}", args=[release.public_id]))
        assert done.status_code == 302, do
    release.refresh_from_db()
    assert (release.state, two.copies.get().reason) == ("withdrawn", "withdrawn")


def test_lists_cost_the_same_queries_whatever_their_length(
    client: StaffClient, khobar: Node, khobar_responder: Member, editor: Member, desk: Node
) -> None:
    client.force_login(editor)
    now = timezone.now()
    costs = []
    for _ in range(2):
        for _number in range(3):
            a_story(khobar, by=khobar_responder, now=now)
            a_list(desk, a_journalist(desk, now=now))
        cost = []
        for name in ("press:stories", "press:journalists"):
            client.get(reverse(name))
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(reverse(name))
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1]


def test_nothing_of_another_body_is_found(
    client: StaffClient, khobar: Node, khobar_responder: Member, qatif_responder: Member
) -> None:
    story = a_story(khobar, by=khobar_responder, now=timezone.now())
    client.force_login(qatif_responder)
    assert story.title not in client.get(reverse("press:stories"), {"view": "all"}).content.decode()
    assert client.get(reverse("press:story", args=[story.public_id])).status_code == 404
    assert client.get(reverse("press:journalists")).status_code == 403
