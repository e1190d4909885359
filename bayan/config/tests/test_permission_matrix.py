"""Every door of the platform: who gets through it, and that nobody sees another body's things behind it.

A path that is new needs a line in `DOORS`, or this file says so. What is expected of each member is worked
out from the permission that the view itself names and from the body to which the thing behind it belongs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import RoutingRule, Sampled
from bayan.cases.surge.models import Helper, Surge, TeamLink
from bayan.cases.tests.factories import make_burst, make_case
from bayan.cases.whole.models import Team
from bayan.channels import services as channels
from bayan.channels.models import Account, Alert, Broadcast, Outgoing
from bayan.channels.services.testing import SUBJECT as TEST_SUBJECT
from bayan.channels.tests.factories import make_number, make_template
from bayan.config.environment import PROJECT_DIR
from bayan.core.live import Notice, hub
from bayan.correspondence import services as letters
from bayan.correspondence.tests.factories import make_letter
from bayan.desk.models import FieldReport
from bayan.inbox import services as inbox
from bayan.inbox.models import CannedReply, Label, Macro, Message
from bayan.inbox.tests.factories import make_media
from bayan.meetings.tests.factories import make_called, make_sent
from bayan.needs.models import Booking, FormVersion, Need, Thing
from bayan.needs.models import Form as NeedForm
from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import SINCE
from bayan.people.views import trail
from bayan.press.models import StoryFile
from bayan.press.tests.factories import a_journalist, a_list, a_release, a_story
from bayan.work.tests.factories import make_item
from conftest import StaffClient

READ_ONLY, READ_AND_WRITE = ("GET",), ("GET", "POST")
REFUSED = {403, 404}
# The view was reached: it answered, led on, or found fault with an empty form.
LET_IN = {200, 201, 204, 302, 409, 422}
BODIES = ("eastern", "khobar", "qatif")


@dataclass(frozen=True)
class Door:
    """How a path is asked for."""

    methods: tuple[str, ...] = READ_ONLY
    # The thing behind it, by its name in `Things`; None: a page of its own, whose rows are the reader's.
    thing: str | None = None
    more: tuple[object, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    # The field of the form that names the thing, where the path does not.
    named_in: str = ""

    def request(self, name: str, things: Things | None) -> tuple[str, dict[str, str]]:
        """The address, and what is sent to it, for the thing of one body."""
        thing = things.of(self.thing) if things and self.thing else ()
        if self.named_in:
            return reverse(name), self.data | {self.named_in: str(*thing)}
        return reverse(name, args=[*thing, *self.more]), self.data


def changes(thing: str, *more: object, **data: str) -> Door:
    return Door(("POST",), thing, more, data)


def shows(thing: str, *more: object) -> Door:
    return Door(READ_ONLY, thing, more)


PAGE, FORM = Door(), Door(READ_AND_WRITE)
# A rule belongs to no body.
RULE = UUID(int=7)
# Of one, but its pages are those of the whole authority.
TEAM = UUID(int=10)
# That of the whole authority.
SURGE = UUID(int=8)
NEED_FORM = UUID(int=9)


def changes_rule(**data: str) -> Door:
    return Door(("POST",), more=(RULE,), data=data)


# The path's name, and what stands behind it.
DOORS: dict[str, Door] = {
    "today:today": PAGE,
    "today:export": PAGE,
    "situation:situation": PAGE,
    # Of a body that one does not see: not there.
    "situation:body": shows("situation_key"),
    "situation:circulating": shows("situation_key"),
    "situation:statements": shows("situation_key"),
    "field:reports": PAGE,
    "field:export": PAGE,
    "field:report": shows("field_report"),
    "field:open_case": changes("field_report"),
    "field:join": changes("field_report", case="1"),
    "figures:figures": PAGE,
    "figures:export": PAGE,
    "inbox:conversations": PAGE,
    "inbox:choices": PAGE,
    "inbox:act": Door(("POST",), data={"do": "snooze:hours", "all": "1"}),
    "inbox:save_view": Door(("POST",), data={"name": "المتأخرة", "query": "view=open"}),
    # One's own views: what is another's is passed over.
    "inbox:delete_view": Door(("POST",), more=(UUID(int=0),)),
    "inbox:settings": PAGE,
    "inbox:save_label": Door(("POST",), "label", data={"name": "عاجل"}, named_in="id"),
    "inbox:delete_label": changes("label"),
    "inbox:save_reply": Door(
        ("POST",), "ready", data={"title": "شكر", "text": "شكرًا لكم"}, named_in="id"
    ),
    "inbox:delete_reply": changes("ready"),
    "inbox:save_macro": Door(
        READ_AND_WRITE, "macro", data={"title": "رفع المياه", "step": "snooze:week"}, named_in="id"
    ),
    "inbox:delete_macro": changes("macro"),
    "inbox:print": shows("conversation"),
    "inbox:export": PAGE,
    "inbox:export_messages": shows("conversation"),
    "inbox:gallery": shows("conversation"),
    "inbox:presence": shows("conversation"),
    "inbox:acts": shows("conversation"),
    "inbox:ready": shows("conversation"),
    "inbox:note": changes("conversation", text="راجعت الموقع"),
    "inbox:delete_note": changes("note"),
    "inbox:conversation": shows("conversation"),
    "inbox:reply": changes("conversation", text="وعليكم السلام"),
    "inbox:compose": shows("conversation", "place"),
    "inbox:looked": changes("conversation"),
    "inbox:typing": changes("conversation"),
    "inbox:message": shows("outgoing"),
    "inbox:media": shows("media"),
    "inbox:react": changes("message", emoji="👍"),
    "inbox:resend": changes("reply"),
    "inbox:withdraw": changes("reply"),
    "cases:cases": PAGE,
    "cases:panel": shows("conversation"),
    "cases:assign": changes("case"),
    "cases:give_back": changes("case", reason="ليس من اختصاصنا"),
    "cases:close": changes("case", outcome="resolved"),
    "cases:quality": PAGE,
    "cases:draw_sample": Door(("POST",)),
    "cases:quality_export": PAGE,
    "cases:sampled": Door(READ_AND_WRITE, "sampled", data={"verdict": "good"}),
    "cases:directives": PAGE,
    "cases:new_directive": FORM,
    "cases:directives_export": PAGE,
    "cases:file": shows("case"),
    "cases:attempt": changes("case", way="phone"),
    "cases:answers": PAGE,
    "cases:answer": shows("answer"),
    "cases:save_answer": changes("answer", text="سُدّت الحفرة"),
    "cases:start_answer": changes("answer", text="سُدّت الحفرة"),
    "cases:pause_answer": changes("answer"),
    "cases:resume_answer": changes("answer"),
    "cases:take_back_answer": changes("answer"),
    "cases:discard_answer": changes("answer"),
    "cases:answer_also": Door(("POST",), "answer", data={"case": str(UUID(int=0))}),
    "cases:answer_recipients": shows("answer"),
    "cases:answer_matter": changes("case"),
    "cases:bursts": PAGE,
    "cases:gather_burst": changes("burst"),
    "cases:forwards": PAGE,
    "cases:routing": PAGE,
    "cases:new_rule": Door(READ_AND_WRITE, data={"to": "stays", "give": "duty"}),
    "cases:draft_rule": Door(("POST",), data={"sentence": "إذا ذكر الناس حفرة فأعطها للأقل عملًا"}),
    "cases:test_rules": Door(READ_AND_WRITE, data={"text": "حفرة في الخبر"}),
    "cases:try_rules": FORM,
    # One's own; whoever may not manage rules does not get so far.
    "cases:step_trial": changes_rule(),
    "cases:cancel_trial": changes_rule(),
    "cases:rule": Door(READ_AND_WRITE, more=(RULE,), data={"to": "stays", "give": "duty"}),
    "cases:move_rule": changes_rule(way="up"),
    "cases:switch_rule": changes_rule(on="1"),
    "cases:copy_rule": changes_rule(),
    "cases:delete_rule": changes_rule(),
    "cases:see_burst": changes("burst"),
    "cases:surge": PAGE,
    "cases:surge_band": PAGE,
    "cases:surge_wall": PAGE,
    "cases:surge_begin": Door(("POST",), "burst", named_in="burst"),
    "cases:surge_summary": shows("past_surge"),
    "cases:surge_export": shows("past_surge"),
    "cases:surge_word": changes("surge", reason="أمطار", thanks="{reference} {wait}"),
    "cases:surge_end": changes("surge"),
    "cases:surge_step": Door(("POST",), more=(SURGE,), data={"step": "1"}),
    "cases:surge_link": changes("surge", most="1", good_for="1", help_for="1"),
    "cases:surge_withdraw_link": changes("team_link"),
    "cases:surge_withdraw_helper": changes("helper"),
    "cases:join": changes("case", other="1"),
    "cases:link": changes("case", other="1", kind="related"),
    "cases:unlink": changes("case", other="1"),
    "cases:part": changes("case"),
    "cases:tell_apart": Door(("POST",), "case", data={"other": str(UUID(int=0))}),
    "cases:label": changes("case", field="priority", value="high"),
    "cases:new": FORM,
    "cases:new_point": PAGE,
    "cases:whose": PAGE,
    "cases:split": Door(READ_AND_WRITE, "case", data={"subject": "حفرة"}),
    "cases:turn": changes("case"),
    "cases:deadlines": PAGE,
    "cases:change_deadlines": Door(READ_AND_WRITE, data={"priority": "high", "due_hours": "9"}),
    "cases:restore_deadlines": Door(("POST",)),
    "cases:teams": PAGE,
    "cases:new_team": Door(READ_AND_WRITE, data={"name_ar": "النظافة", "node": "khobar"}),
    "cases:team": Door(READ_AND_WRITE, more=(TEAM,), data={"name_ar": "النظافة"}),
    "cases:put_team_away": Door(("POST",), more=(TEAM,)),
    "cases:board": PAGE,
    "cases:map": PAGE,
    "cases:export": PAGE,
    "cases:choices": PAGE,
    "cases:act": Door(("POST",), data={"do": "priority:high", "all": "1"}),
    "cases:matching": PAGE,
    "cases:save_view": Door(("POST",), data={"name": "العاجلة", "query": "priority=high"}),
    "cases:describe": changes("case", priority="high"),
    "cases:point": shows("case"),
    "cases:step": changes("case", step="ask_person"),
    "cases:reopen": changes("case"),
    "cases:promise": changes("case", within="7"),
    "work:items": PAGE,
    "work:give": FORM,
    "work:contractors": FORM,
    "work:ask_approval": FORM,
    "work:send_version": changes("item"),
    "work:item": shows("item"),
    "work:finish": changes("item", words="أُنجز"),
    "work:explain": changes("item", silence="parts"),
    "work:delegate": changes("item", to=str(UUID(int=0))),
    "work:withdraw": changes("item"),
    "work:send_again": changes("item", reason="بقي الرصيف", term="7"),
    "work:make_link": changes("item"),
    "work:send_anew": changes("item"),
    "needs:needs": PAGE,
    "needs:export": PAGE,
    "needs:act": Door(("POST",), data={"do": "grant", "all": "1"}),
    "needs:choose": PAGE,
    "needs:ask": Door(READ_AND_WRITE, more=("coverage",)),
    "needs:need": shows("need"),
    "needs:take": changes("need"),
    "needs:decide": changes("need", do="refuse", reason="لا يتوفر"),
    "needs:provide": changes("need"),
    "needs:confirm": changes("need"),
    "needs:dispute": changes("need", words="لم يصل"),
    "needs:withdraw": changes("need"),
    "needs:forms": PAGE,
    "needs:new_form": FORM,
    "needs:form": Door(READ_AND_WRITE, more=(NEED_FORM,)),
    "needs:move_form": Door(("POST",), more=(NEED_FORM,), data={"way": "up"}),
    "needs:calendar": PAGE,
    "needs:book": FORM,
    "needs:booking": shows("booking"),
    "needs:cancel_booking": changes("booking"),
    "needs:hand_out": changes("booking"),
    "needs:take_back": changes("booking", condition="good"),
    "needs:things": PAGE,
    "needs:new_thing": FORM,
    "needs:edit_thing": Door(READ_AND_WRITE, "owned_thing"),
    "needs:restock": changes("owned_thing", change="1", words="توريد"),
    "needs:give_out": changes("owned_thing", count="1"),
    "needs:out_of_order": changes("owned_thing", count="1"),
    "needs:mend": changes("owned_thing", outage="0"),
    "needs:inventory": PAGE,
    "needs:inventory_export": PAGE,
    "press:stories": PAGE,
    "press:new": FORM,
    "press:story": shows("story"),
    "press:complete": Door(READ_AND_WRITE, "story", data={"title": "عنوان", "text": "نص"}),
    "press:add": changes("story"),
    "press:withdraw": changes("story"),
    "press:take": changes("story"),
    "press:edit": changes("story", title="عنوان", text="نص"),
    "press:answer": changes("story", reason="نحتاج الأصول"),
    "press:approve": changes("story", weight="routine"),
    "press:decide": changes("story", end="returned", words="ناقص"),
    "press:publish": changes("story", outlet="صحيفة", address="https://paper.example/1"),
    "press:send": Door(READ_AND_WRITE, "story"),
    "press:archive": shows("story"),
    "press:whole": shows("story"),
    "press:file": shows("story_file"),
    "press:journalists": PAGE,
    "press:new_journalist": FORM,
    "press:import": FORM,
    "press:journalist": Door(READ_AND_WRITE, "journalist", data={"name": "صحفي"}),
    "press:end_journalist": changes("journalist"),
    "press:new_list": FORM,
    "press:list": Door(READ_AND_WRITE, "press_list", data={"name": "قائمة"}),
    "press:delete_list": changes("press_list"),
    "press:release": shows("release"),
    "press:pause_release": changes("release"),
    "press:resume_release": changes("release"),
    "press:withdraw_release": changes("release"),
    "press:copy_link": changes("copy"),
    "contacts:contacts": PAGE,
    "contacts:contact": shows("contact"),
    "contacts:rename": changes("contact", name="اسم"),
    "contacts:wish": changes("contact", wants="no"),
    "contacts:write_note": changes("contact", text="اتصلنا"),
    "contacts:choose": shows("contact"),
    "channels:health": PAGE,
    "channels:alarm": PAGE,
    "channels:settle_alert": changes("alert"),
    "channels:reopen_alert": changes("alert"),
    "channels:stop_number": changes("number", reason="صيانة"),
    "channels:resume_number": changes("number"),
    "channels:accounts": PAGE,
    "channels:new_account": FORM,
    "channels:new_sms": FORM,
    "channels:new_email": FORM,
    "channels:change_gateway": changes("gateway"),
    "channels:save_sender": changes("gateway"),
    "channels:account": shows("account"),
    "channels:ask_account": changes("account"),
    "channels:broadcasts": PAGE,
    "channels:new_broadcast": FORM,
    "channels:preview_broadcast": Door(("POST",)),
    "channels:broadcast": shows("broadcast"),
    "channels:start_broadcast": changes("broadcast"),
    "channels:pause_broadcast": changes("broadcast"),
    "channels:resume_broadcast": changes("broadcast"),
    "channels:cancel_broadcast": changes("broadcast"),
    "channels:broadcast_results": shows("broadcast"),
    "channels:broadcast_bad_lines": shows("broadcast"),
    "channels:change_account": changes("account"),
    "channels:save_number": changes("account"),
    "channels:remove_number": changes("account_and_number"),
    "channels:app_secret": changes("account"),
    "channels:end_app_secret": changes("account"),
    "channels:verify_token": changes("account"),
    "channels:access_token": changes("account"),
    "channels:test_send": FORM,
    "channels:test": shows("test"),
    "channels:messages": PAGE,
    "channels:export_messages": PAGE,
    "channels:message": Door(READ_AND_WRITE, more=("cases-where",)),
    "channels:preview_message": Door(("POST",), more=("cases-where",)),
    "channels:reset_message": Door(("POST",), more=("cases-where",)),
    "channels:try_message": Door(("POST",), more=("cases-where",)),
    "channels:templates": PAGE,
    "channels:new_template": FORM,
    "channels:preview_template": Door(("POST",)),
    "channels:template": shows("template"),
    "channels:edit_template": Door(READ_AND_WRITE, "template"),
    "channels:submit_template": changes("template"),
    "channels:adopt_purpose": changes("template"),
    "channels:forget_template": changes("template"),
    "channels:keep_template": changes("template"),
    "correspondence:letters": PAGE,
    "correspondence:export": PAGE,
    "correspondence:responses": PAGE,
    "correspondence:responses_export": PAGE,
    "correspondence:new": FORM,
    "correspondence:ask": FORM,
    "correspondence:lists": PAGE,
    "correspondence:save_list": Door(("POST",)),
    "correspondence:delete_list": changes("address_list"),
    "correspondence:letter": shows("letter"),
    "correspondence:edit": Door(READ_AND_WRITE, "letter"),
    "correspondence:submit": Door(("POST",), "letter", data={"signer": ""}),
    "correspondence:decide": changes("letter"),
    "correspondence:take_back": changes("letter"),
    "correspondence:delete": changes("letter"),
    "correspondence:copy": changes("letter"),
    "correspondence:correct": changes("letter"),
    "correspondence:recall": changes("letter"),
    "correspondence:finish": changes("letter"),
    "correspondence:document": shows("letter"),
    "meetings:meetings": PAGE,
    "meetings:new_meeting": FORM,
    "meetings:decisions": PAGE,
    "meetings:decisions_export": PAGE,
    "meetings:polls": PAGE,
    "meetings:polls_export": PAGE,
    "meetings:new_poll": FORM,
    "meetings:poll": shows("poll"),
    "meetings:edit_poll": Door(READ_AND_WRITE, "poll"),
    "meetings:send_poll": changes("poll"),
    "meetings:vote": changes("poll", option="1", seen="0"),
    "meetings:close_poll": changes("poll"),
    "meetings:cancel_poll": changes("poll", reason="نعيد السؤال"),
    "meetings:copy_poll": changes("poll"),
    "meetings:delete_poll": changes("poll"),
    "meetings:votes_export": shows("poll"),
    "meetings:meeting": shows("meeting"),
    "meetings:edit_meeting": Door(READ_AND_WRITE, "meeting"),
    "meetings:call_meeting": changes("meeting"),
    "meetings:answer": changes("meeting", answer="comes"),
    "meetings:cancel_meeting": changes("meeting", reason="تأجل"),
    "meetings:delete_meeting": changes("meeting"),
    "meetings:next_meeting": changes("meeting"),
    "meetings:calendar": shows("meeting"),
    "mandates:table": PAGE,
    "mandates:export": PAGE,
    "mandates:topic": Door(READ_AND_WRITE, more=("lighting",)),
    "mandates:remove": Door(("POST",), more=("lighting",), data={"seen": "0"}),
    "retention:due": PAGE,
    "intake:set_aside": PAGE,
    "intake:replay": Door(("POST",), more=(4711,)),
    "people:trail": PAGE,
    "people:members": PAGE,
    "people:members_csv": PAGE,
    "people:invitations": FORM,
    "people:duty": PAGE,
    "people:call_tree": PAGE,
    "people:call_tree_pdf": PAGE,
    "people:plan_duty": changes("key"),
    "people:hours": Door(READ_AND_WRITE, "key"),
    "places:places": PAGE,
    "places:find": PAGE,
    "places:export": PAGE,
    "styleguide": PAGE,
}
# Without a permission: open to everybody, or with a check of their own (its test stands beside the name).
OPEN = {
    "home": "leads to the first page",
    "account_login": "the way in", "mfa_authenticate": "the way in",
    "account_logout": "the way out",
    "set_language": "changes a cookie",
    "people:demo_sign_in": "test_nobody_signs_in_with_one_click_where_no_demo_runs",
    "people:accept": "an invitation's secret, whose test is in people/tests/test_invitations.py",
    "people:live": "test_notices_of_other_bodies_reach_no_screen",
    # A citizen's page: what opens it is a code sent to their phone (portal/tests).
    "portal:track": "asks for a number", "portal:feedback": "takes a yes or a no",
    "portal:case": "portal/tests/test_views.py", "portal:send": "portal/tests/test_views.py",
    "portal:code": "portal/tests/test_views.py", "portal:rate": "portal/tests/test_views.py",
    "portal:leave": "portal/tests/test_views.py",
    "cases:surge_join": "a team link's secret, whose test is in cases/tests/test_surge_team.py",
    "work:link": "a task's secret, whose test is in work/tests/test_views.py",
    # A story's secret (press/tests/test_releasing.py).
    "press:link": "a secret", "press:link_archive": "a secret", "press:link_file": "a secret",
    "brand": "colours",
    "healthz": "figures without names", "readyz": "figures without names", "metrics": "figures without names",
    # Open311: a key as a field, or what everybody may know (api/tests/test_open311.py).
    "correspondence:verify": "a print's code, whose test is in correspondence/tests/test_views.py",
    "open311:discovery": "the address", "open311:services": "a list of words",
    "open311:service": "a list of words", "open311:requests": "a key, or what is published",
    "open311:request": "a key, or what is published", "open311:token": "a key, or what is published",
    "open311:nothing": "nothing stands there",
    "api:openapi-json": "the description", "api:api-root": "nothing stands there",
}  # fmt: skip
# Behind these stands a member, or what is a member's own: who may do what with whom is a matter of the roles
# of both, and is tried where that is decided. Here only: nobody comes in without a sign-in or a permission.
TRIED_ELSEWHERE: dict[str, str] = {
    "palette:palette": "desk/test_palette",
    "people:backup_phone": "test_reachable", "people:member_backup_phone": "test_reachable",
    "people:member_address": "test_reachable",
    "people:me": "test_linking", "people:link_phone": "test_linking", "people:unlink_phone": "test_linking",
    "people:quiet": "desk/test_menu",
    "people:end_tour": "test_tour", "people:restart_tour": "test_tour",
    "people:undo": "test_views", "people:name_own_deputy": "test_deputies",
    "people:name_deputy": "test_deputies", "people:end_deputyship": "test_deputies",
    "people:member": "test_members", "people:give_role": "test_members", "people:end_role": "test_members",
    "people:switch_off": "test_members", "people:switch_on": "test_members",
    "people:second_factor": "test_second_factor", "people:confirm_factor": "test_second_factor",
    "people:reset_factor": "test_second_factor",
    "people:clearance": "test_clearance", "people:certificate": "test_clearance",
    "people:renew_invitation": "test_invitations", "people:withdraw_invitation": "test_invitations",
    "people:turn": "test_duty", "people:remove_turn": "test_duty", "people:swap_turn": "test_duty",
    "people:hand_over_turn": "test_duty", "people:acknowledge_turn": "test_duty",
    "people:answer_swap": "test_duty", "people:withdraw_swap": "test_duty",
    # A part of the page of whatever the tasks belong to, and a picture of a task.
    # Every body may see every thing, and what is booked of it.
    "needs:thing": "needs/test_pages", "needs:file": "needs/test_pages",
    "work:panel": "work/test_views", "work:picture": "work/test_views",
    "work:paper": "work/test_papers", "cases:picture": "cases/test_proof",
    # Of a contractor, by where it has projects; of a body outside, by the authority itself.
    "work:address": "cases/test_outside",
    # By whom a letter went to, and by its grade.
    # Whoever writes the minutes, and whoever approves them.
    "meetings:minutes": "meetings/test_pages", "meetings:add_decision": "meetings/test_pages",
    "meetings:drop_decision": "meetings/test_pages", "meetings:submit_minutes": "meetings/test_pages",
    "meetings:take_back_minutes": "meetings/test_pages",
    "meetings:approve_minutes": "meetings/test_pages", "meetings:agenda_file": "meetings/test_pages",
    "meetings:minutes_document": "meetings/test_pages",
    "correspondence:open": "correspondence/test_services",
    "correspondence:file": "correspondence/test_views",
    "correspondence:remove_file": "correspondence/test_views",
    "correspondence:answers_export": "correspondence/test_forms",
    "correspondence:answer_picture": "correspondence/test_forms",
    "correspondence:digest": "correspondence/test_digest",
    "correspondence:recipients": "correspondence/test_views",
    "correspondence:recipients_export": "correspondence/test_views",
    "correspondence:certificate": "correspondence/test_views",
    "correspondence:whole": "config/test_sealed_files",
    # Of letters and stories, by who sees those.
    "retention:preview": "config/test_removal", "retention:start": "config/test_removal",
    "retention:stop": "config/test_removal", "retention:set_period": "config/test_removal",
    "retention:decide": "config/test_retention", "retention:thing": "config/test_retention",
    "retention:hold": "config/test_retention",
    "retention:lift": "config/test_retention",
    # Few see one, whatever their role.
    "cases:directive": "cases/test_directives",
    # Behind these stand two things at once: two contacts, a contact and a note or an identity.
    "contacts:merge": "desk/test_contacts", "contacts:split": "desk/test_contacts",
    "contacts:delete_note": "desk/test_contacts",
}  # fmt: skip
# The API names its permissions inside: (permission, scope, the thing, the body of a POST).
API: dict[str, tuple[str, str | None, dict[str, str] | None]] = {
    "api:conversations": ("conversations.read", None, None),
    "api:conversation": ("conversations.read", "conversation", None),
    "api:messages": ("conversations.read", None, None),
    "api:message": ("conversations.read", "message", None),
    "api:reply": ("conversations.reply", "conversation", {"text": "وعليكم السلام"}),
    "api:list_circulars": ("work.do", None, None),
    "api:circular": ("work.do", "letter", None),
    "api:list_polls": ("work.do", None, None),
    "api:poll": ("work.do", "poll", None),
    "api:list_meetings": ("work.do", None, None),
    "api:meeting": ("work.do", "meeting", None),
    "api:list_cases": ("cases.read", None, None),
    "api:case": ("cases.read", "case", None),
    "api:assign": ("cases.assign", "case", {"municipality": "jubail"}),
    "api:close": ("cases.close", "case", {"outcome": "resolved"}),
}
# Their tables have no row-level security: the view itself says 403 or 404, either is well.
SETTINGS = {
    # Whoever works below a body sees its surge, and changes nothing of it.
    "past_surge",
    "surge",
    "account",
    "gateway",
    "account_and_number",
    "alert",
    "key",
    "label",
    "macro",
    "number",
    "ready",
    "template",
    # Whoever plans sees everything that is lent.
    "owned_thing",
}
# Only who made it may change it: the service refuses everybody else, whatever their role.
OWN = {"note"}


# --- All paths have a line here


def patterns(
    resolver: URLResolver | None = None, spaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, URLPattern]]:
    """Every path of the platform with its full name (without one, as it is written)."""
    for found in (resolver or get_resolver()).url_patterns:
        if isinstance(found, URLResolver):
            inner = (*spaces, found.namespace) if found.namespace else spaces
            yield from patterns(found, inner)
        else:
            yield ":".join([*spaces, found.name or str(found.pattern)]), found


@cache
def views() -> dict[str, Any]:
    return {name: pattern.callback for name, pattern in patterns()}


def test_every_path_has_a_line_in_this_file() -> None:
    missing = sorted(
        views().keys() - DOORS.keys() - OPEN.keys() - API.keys() - TRIED_ELSEWHERE.keys()
    )
    assert not missing, (
        f"{', '.join(missing)}: add a line to DOORS in {Path(__file__).name} (which methods, and what stands "
        "behind: a row of a body, or a page of its own), to API, or, with the reason, to OPEN."
    )
    gone = sorted((DOORS | OPEN | API | TRIED_ELSEWHERE).keys() - views().keys())
    assert not gone, f"{', '.join(gone)}: there is no such path any more, so take its line away."


def test_every_door_names_its_permission_and_what_is_open_names_none() -> None:
    assert [name for name in DOORS if not hasattr(views()[name], "required_permission")] == []
    assert [name for name in OPEN if hasattr(views()[name], "required_permission")] == []


# --- A small world: the same things at the desk and in two municipalities, and people of all kinds


class Things(SimpleNamespace):
    """What belongs to one body. `words` stand nowhere else: whoever reads them has seen its things."""

    node: Node
    words: tuple[str, ...]

    def of(self, name: str) -> tuple[Any, ...]:
        found = getattr(self, name)
        return found if isinstance(found, tuple) else (found,)


def make_things(node: Node, position: int) -> Things:
    now = timezone.now()
    name, text, file = f"صاحبة-{node.key}", f"بلاغ-{node.key}", f"صورة-{node.key}.jpg"
    case = make_case(text, node=node, name=name, now=now - timedelta(hours=1))
    clerk = Member.objects.get(email="desk@matrix.example")
    answer = inbox.reply(case.conversation.public_id, f"جواب-{node.key}", by=clerk, now=now)
    message = Message.objects.get(conversation=case.conversation, direction="in")
    media = make_media(b"\xff\xd8" + node.key.encode(), node=case.node, name=file)
    Message.objects.filter(pk=message.pk).update(kind="image", media=media)
    account = channels.save_account(
        key=f"account-{node.key}", nature=Account.Nature.DEMO, name=f"حساب-{node.key}",
        base_url="http://127.0.0.1:9", app_secret="a", verify_token="b", access_token="c",
        numbers={f"4700{position}": f"+966 13 000 000{position}"}, node=node, now=now,
        business_id=f"8800{position}",
    )  # fmt: skip
    gateway = channels.save_account(
        key=f"sms-{node.key}", channel=Account.Channel.UNIFONIC, nature=Account.Nature.DEMO,
        name=f"بوابة-{node.key}", base_url="http://127.0.0.1:9", access_token="c", node=node, now=now,
        numbers={f"sms:Mun{position}": f"Mun{position}"}, sender_class="service",
        app_secret="a", verify_token="b",
    )  # fmt: skip
    number = account.numbers.get()
    template = make_template(f"template_{node.key.replace('-', '_')}", account=account)
    broadcast = Broadcast.objects.create(
        node=node, number=number, template=template, title=f"حملة-{node.key}", created_at=now
    )
    alert = channels.raise_alert(
        account, "quality_low", severity=Alert.Severity.CRITICAL, now=now, number=number
    )
    test = Outgoing.objects.create(
        node=node, number=number, to_phone=f"96650000000{position}", lane=10, subject_type=TEST_SUBJECT,
        content={"type": "text", "text": {"body": "تجربة"}}, not_before=now, created_at=now,
    )  # fmt: skip
    note = inbox.write_note(
        case.conversation.public_id, f"ملاحظة-{node.key}", mentions=[], by=clerk, now=now
    )
    label = Label.objects.create(node=node, name=f"وسم-{node.key}")
    ready = CannedReply.objects.create(node=node, title=f"رد-{node.key}", text="شكرًا لكم")
    macro = Macro.objects.create(node=node, title=f"إجراء-{node.key}", steps=["snooze:hours"])
    assert answer.outgoing is not None
    item = make_item(node, now=now, title=f"تكليف-{node.key}")
    sampled = Sampled.objects.create(
        node=node, month=now.date(), case=case, is_excused=False, position=1
    )
    everybody = cases.write_answer(
        cases.draft_answer(case, by=clerk, now=now).public_id,
        cases.Words(text=f"للجميع-{node.key}", values={}), by=clerk, now=now,
    )  # fmt: skip
    facts = {
        "node": node,
        "reason": f"أمطار-{node.key}",
        "thanks": "",
        "begun_at": now,
        "step_at": now,
    }
    past = Surge.objects.create(**facts, ended_at=now)
    surge = Surge.objects.create(**facts, public_id=SURGE if node.is_desk else uuid4())
    team_link = TeamLink.objects.create(
        surge=surge, hash=node.key.encode(), made_by=clerk, made_at=now, most=1,
        expires_at=now + timedelta(hours=1), help_until=now + timedelta(hours=1),
    )  # fmt: skip
    helper = Helper.objects.create(surge=surge, member=clerk, joined_at=now, ends_at=now)
    poll = make_sent(node, clerk, [clerk], now=now, question=f"استطلاع-{node.key}")
    meeting = make_called(node, clerk, [clerk], now=now, title=f"اجتماع-{node.key}")
    letter = make_letter(node, clerk, now=now, subject=f"تعميم-{node.key}")
    address_list = letters.save_list(f"قائمة-{node.key}", [clerk], node=node)
    form = NeedForm.objects.get(public_id=NEED_FORM)
    asked: dict[str, Any] = {
        "node": node, "version": form.version, "kind": form.kind, "title": f"طلب-{node.key}",
        "asked_at": now,
    }  # fmt: skip
    # What a body asks for of itself: it decides, too.
    need = Need.objects.create(reference=f"10000000{position}", provider=node, **asked)
    thing = Thing.objects.create(node=node, kind="camera", name_ar="حقيبة", stock=1)
    booking = Booking.objects.create(
        thing=thing, node=node, lender=node, starts_at=now, ends_at=now + timedelta(hours=1),
        booked_at=now,
    )  # fmt: skip
    field_report = FieldReport.objects.create(
        node=node, member=clerk, messages=[message.pk], text=f"ميداني-{node.key}", state="sent",
        begun_at=now, at=now,
    )  # fmt: skip
    story = a_story(node, by=clerk, now=now, title=f"خبر-{node.key}")
    story_file = StoryFile.objects.create(story=story, media=media, sent_at=now)
    journalist = a_journalist(node, now=now, name=f"صحفي-{node.key}")
    press_list = a_list(node, journalist, name=f"قائمة-{node.key}")
    release = a_release(story, journalist, now=now)
    burst = make_burst(node, terms=[f"طفح-{node.key}"], examples=[message.external_id])
    return Things(
        node=node, key=node.key, situation_key=node.key, field_report=field_report.public_id,
        conversation=case.conversation.public_id, case=case.public_id, message=message.public_id,
        reply=answer.public_id, outgoing=answer.outgoing.public_id, media=media.public_id,
        gateway=gateway.key,
        account=account.key, number=number.pk, account_and_number=(account.key, number.pk),
        template=template.public_id, broadcast=broadcast.public_id, alert=alert.pk, test=test.public_id,
        contact=case.contact.public_id, note=note.public_id, label=label.public_id, ready=ready.public_id,
        macro=macro.public_id, sampled=sampled.public_id, burst=burst.public_id, item=item.public_id,
        answer=everybody.public_id, surge=surge.public_id, past_surge=past.public_id,
        poll=poll.public_id, meeting=meeting.public_id,
        letter=letter.public_id, address_list=address_list.public_id,
        team_link=team_link.public_id, helper=helper.public_id, need=need.public_id,
        booking=booking.public_id, owned_thing=thing.public_id,
        story=story.public_id, story_file=(story.public_id, story_file.public_id),
        journalist=journalist.public_id, press_list=press_list.public_id, release=release.public_id,
        copy=release.copies.get().public_id,
        words=(name, text, file, f"طلب-{node.key}", str(booking.public_id),
               f"جواب-{node.key}", f"حساب-{node.key}", f"حملة-{node.key}", case.reference,
               f"ملاحظة-{node.key}", f"تكليف-{node.key}", f"طفح-{node.key}", f"للجميع-{node.key}",
               f"تعميم-{node.key}", f"قائمة-{node.key}", str(letter.public_id), f"ميداني-{node.key}",
               f"خبر-{node.key}", f"صحفي-{node.key}", f"استطلاع-{node.key}", f"اجتماع-{node.key}",
               template.name, str(case.public_id), str(case.conversation.public_id), str(media.public_id)),
    )  # fmt: skip


# Who comes to the door: their roles and the bodies of these; None has not signed in.
PEOPLE: dict[str, tuple[tuple[str, str], ...] | None] = {
    "nobody": None,
    "member without a role": (),
    "viewer of khobar": (("viewer", "khobar"),),
    "responder of khobar": (("responder", "khobar"),),
    "administrator of khobar": (("administrator", "khobar"),),
    # May read in one body and manage another: neither spills over.
    "viewer of khobar, administrator of qatif": (("viewer", "khobar"), ("administrator", "qatif")),
    "responder of the authority": (("responder", "eastern"),),
    "director of the authority": (("director", "eastern"),),
    "administrator of the authority": (("administrator", "eastern"),),
    "administrator who was switched off": (("administrator", "eastern"),),
}
EVERYBODY = tuple(PEOPLE)


@dataclass
class World:
    things: dict[str, Things]
    members: dict[str, Member]
    clients: dict[str, StaffClient]

    def access(self, who: str) -> Access | None:
        """What somebody may do; None: they must sign in first."""
        member = self.members.get(who)
        return Access.of(member, now=timezone.now()) if member and member.is_active else None

    def sees(self, who: str, body: str) -> bool:
        """By the tree alone: a role in the body, or above it."""
        member, node = self.members.get(who), self.things[body].node
        return bool(
            member and member.is_active and member.roles.filter(node__in=node.lineage).exists()
        )


def make_member(email: str, roles: tuple[tuple[str, str], ...], nodes: dict[str, Node]) -> Member:
    member = Member(email=email, name_ar="موظف", name_en="Member")
    member.set_unusable_password()
    member.save()
    for kind, body in roles:
        Role.objects.create(member=member, kind=kind, node=nodes[body], starts_at=SINCE)
    return member


@pytest.fixture(scope="module")
def made_world(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Made once for all tests of this file, in a transaction that is never committed."""
    folder = tmp_path_factory.mktemp("media")
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=folder), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def world(made_world: World, django_db_blocker: Any) -> Iterator[World]:
    """The world as it was made: what a test changes in it does not stay."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield made_world
        transaction.set_rollback(True)


def make_world() -> World:
    nodes = {node.key: node for node in Node.objects.filter(key__in=BODIES)}
    make_member("desk@matrix.example", (("responder", "eastern"),), nodes)
    make_number()
    form = NeedForm.objects.create(
        public_id=NEED_FORM, key="coverage", kind="coverage", provider=nodes["eastern"]
    )
    form.version = FormVersion.objects.create(
        form=form, number=1, name_ar="تغطية", fields=[], made_at=timezone.now()
    )
    form.save()
    things = {key: make_things(nodes[key], position) for position, key in enumerate(BODIES)}
    RoutingRule.objects.create(public_id=RULE, position=1, name="قاعدة", is_on=False)
    khobar = Node.objects.get(key="khobar")
    Team.objects.create(public_id=TEAM, node=khobar, name_ar="فريق النظافة", name_en="Cleaners")
    members, clients = {}, {}
    for position, (who, roles) in enumerate(PEOPLE.items()):
        clients[who] = StaffClient()
        if roles is not None:
            members[who] = make_member(f"{position}@matrix.example", roles, nodes)
            clients[who].force_login(members[who])
        if "switched off" in who:
            members[who].is_active = False
            members[who].save()
    return World(things, members, clients)


def knock(client: Client, method: str, address: str, **request: Any) -> Any:
    """Ask for a path; nothing that it changed stays."""
    with transaction.atomic():
        answer = getattr(client, method.lower())(address, **request)
        transaction.set_rollback(True)
    return answer


def is_sign_in(answer: Any) -> bool:
    there = str(answer.headers.get("Location", ""))
    return bool(answer.status_code == 302) and there.startswith(reverse("account_login"))


def verdict(world: World, who: str, view: Any, door: Door, body: str | None) -> str | set[int]:
    """What somebody must be told at a door: "sign in", or one of these statuses."""
    access, permission = world.access(who), view.required_permission
    if access is None:
        return "sign in"
    may = access.may_everywhere if view.is_required_everywhere else access.may
    if not may(permission):
        return {403}
    if body is None or access.may(permission, world.things[body].node):
        return LET_IN
    # What is not there for somebody must not be told apart from what is nowhere.
    if not world.sees(who, body) and door.thing not in SETTINGS:
        return {404}
    return REFUSED | {409} if door.thing in OWN else REFUSED


# --- Each door, for everybody, with things of each body


@pytest.mark.parametrize("name", DOORS)
def test_a_door_opens_for_those_who_may_and_for_nobody_else(world: World, name: str) -> None:
    door, view = DOORS[name], views()[name]
    wrong = []
    for body in BODIES if door.thing else [None]:
        address, data = door.request(name, world.things[body] if body else None)
        for who, client in world.clients.items():
            if body == "qatif" and "khobar" not in who:
                # To them it is what khobar is: one municipality of all, or of none.
                continue
            expected = verdict(world, who, view, door, body)
            for method in door.methods:
                answer = knock(client, method, address, data=data)
                is_right = (
                    is_sign_in(answer)
                    if expected == "sign in"
                    else answer.status_code in expected and not is_sign_in(answer)
                )
                if not is_right:
                    wrong.append(f"{who}, {method} of {body}: {answer.status_code}, not {expected}")
    assert wrong == []


def test_nobody_comes_to_a_members_own_things_without_a_sign_in_or_a_permission(
    world: World,
) -> None:
    examples = {"uuid": UUID(int=0), "int": 0, "slug": "x", "str": "x"}
    for name, tests in TRIED_ELSEWHERE.items():
        app, _slash, module = tests.rpartition("/")
        folder = PROJECT_DIR / "bayan" / (app or "people") / "tests"
        assert (folder / f"{module}.py").is_file(), name
        pattern = next(found.pattern for known, found in patterns() if known == name)
        kinds = re.findall(r"<(\w+):", str(pattern))
        address = reverse(name, args=[examples[kind] for kind in kinds])
        for method in ("GET", "POST"):
            answers = {
                who: knock(world.clients[who], method, address)
                for who in ("nobody", "administrator who was switched off", "member without a role")
            }
            if answers["nobody"].status_code == 405:
                continue
            assert is_sign_in(answers["nobody"]), name
            assert is_sign_in(answers["administrator who was switched off"]), name
            if hasattr(views()[name], "required_permission"):
                assert answers["member without a role"].status_code == 403, name


@pytest.mark.parametrize("name", DOORS)
def test_a_door_takes_no_other_method(world: World, name: str) -> None:
    door = DOORS[name]
    address, _data = door.request(name, world.things["eastern"])
    client = world.clients["administrator of the authority"]
    for method in {"GET", "POST", "DELETE"} - set(door.methods):
        assert knock(client, method, address).status_code == 405, method


def test_nothing_is_changed_from_a_page_of_another_site(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.members["administrator of the authority"])
    for name, door in DOORS.items():
        if "POST" in door.methods:
            address, data = door.request(name, world.things["eastern"])
            assert knock(client, "POST", address, data=data).status_code == 403, name


# --- What stands on a page


@pytest.mark.parametrize("who", EVERYBODY)
def test_no_page_shows_a_word_of_a_body_in_which_its_reader_may_not_read_it(
    world: World, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All that happened here on one page.
    monkeypatch.setattr(trail, "PAGE", 200)
    access, names = world.access(who), [things.words[0] for things in world.things.values()]
    for name, door in DOORS.items():
        if "GET" not in door.methods or door.thing:
            continue
        read, permission = "", views()[name].required_permission
        questions: list[dict[str, str]] = [{}]
        if name in {"inbox:conversations", "cases:cases"}:
            questions += [{"view": "all", "state": "all", "q": searched} for searched in names]
        for question in questions:
            answer = knock(world.clients[who], "GET", reverse(name, args=door.more), data=question)
            # Written while it is sent, over a connection of its own, which does not see this world; or a
            # document, whose words are packed.
            if answer.streaming or answer["Content-Type"] == "application/pdf":
                continue
            # What was asked for may be said again.
            read += answer.content.decode().replace(question.get("q", "\0"), "")
        for things in world.things.values():
            shown = [word for word in things.words if word in read]
            if access is None or not access.may(permission, things.node):
                assert shown == [], name
            elif name in {
                "inbox:conversations",
                "cases:cases",
                "channels:broadcasts",
                "people:trail",
            }:
                # Otherwise a page that shows nobody anything would pass.
                assert shown != [], name


@pytest.mark.parametrize("who", EVERYBODY)
def test_counts_are_of_the_rows_that_the_reader_sees(world: World, who: str) -> None:
    client, access = world.clients[who], world.access(who)
    if access is None or not access.may("cases.read"):
        return
    visible = sum(world.sees(who, body) for body in BODIES)
    for name, parameter, states in (
        ("inbox:conversations", "view", ("waiting", "open", "closed", "all")),
        ("cases:cases", "state", ("open", "closed")),
    ):
        for state in states:
            context = knock(client, "GET", reverse(name), data={parameter: state}).context
            assert context["counts"][state] == len(context["page"].rows), (name, state)
        assert context["counts"]["all"] == visible, name


# --- Beside the pages: live notices, files, the API, the demo's sign-in


@pytest.mark.parametrize("who", EVERYBODY)
def test_notices_of_other_bodies_reach_no_screen(world: World, who: str) -> None:
    answer: Any = world.clients[who].get(reverse("people:live"))
    if world.access(who) is None:
        assert is_sign_in(answer)
        return
    expected = [body for body in BODIES if world.sees(who, body)]
    heard = asyncio.run(_heard(answer.streaming_content, world))
    assert heard == [f"event: change\ndata: case of-{body}\n\n".encode() for body in expected]


async def _heard(stream: Any, world: World) -> list[bytes]:
    """What a screen is told when something happens in each body."""
    assert await anext(stream) == b"retry: 2000\n\n"
    told: list[bytes] = []

    async def listen() -> None:
        told.extend([chunk async for chunk in stream])

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for body, things in world.things.items():
        hub._tell(Notice(things.node.pk, "case", f"of-{body}"))
    hub._tell(None)
    await asyncio.wait_for(listening, 5)
    if hub._task:
        hub._task.cancel()
    return told


@dataclass(frozen=True)
class Key:
    """A token of the API, and how to ask with it."""

    client: StaffClient
    secret: str

    def ask(self, method: str, address: str, body: dict[str, str] | None = None) -> Any:
        more = {"data": json.dumps(body), "content_type": "application/json"} if body else {}
        headers = {"Authorization": f"Bearer {self.secret}"}
        return knock(self.client, method, address, headers=headers, **more)


def key_of(world: World, who: str, *scopes: str) -> Key:
    member = world.members[who]
    active = Member.objects.filter(pk=member.pk)
    # A key may be older than the day on which its member was switched off.
    active.update(is_active=True)
    secret = services.create_token(email=member.email or "", scopes=scopes, now=timezone.now())
    active.update(is_active=member.is_active)
    return Key(StaffClient(), secret)


@pytest.mark.parametrize("who", [who for who in EVERYBODY if PEOPLE[who] is not None])
def test_a_token_sees_and_does_what_its_member_may(world: World, who: str) -> None:
    key, access, wrong = key_of(world, who, "read", "write"), world.access(who), []
    for name, (permission, thing, body_of_post) in API.items():
        for body in BODIES:
            address = reverse(name, args=world.things[body].of(thing) if thing else ())
            answer = key.ask("POST" if body_of_post else "GET", address, body_of_post)
            if access is None:
                expected = {401}
            elif not access.may(permission):
                expected = {403}
            elif name == "api:assign" and world.sees(who, body):
                # Only who sees the other body too may give it a case.
                expected = LET_IN if access.may_everywhere(permission) else {403}
            elif thing is None or access.may(permission, world.things[body].node):
                expected = LET_IN
            else:
                expected = {403 if world.sees(who, body) else 404}
            if answer.status_code not in expected:
                wrong.append(f"{name} of {body}: {answer.status_code}, not {expected}")
            for other, things in world.things.items():
                if not world.sees(who, other) and any(
                    w in answer.content.decode() for w in things.words[1:]
                ):
                    wrong.append(f"{name} tells of {other}")
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in DOORS if "channels" not in name] + sorted(API))
def test_a_token_does_only_what_its_scopes_say(world: World, name: str) -> None:
    who = "administrator of the authority"
    door = DOORS.get(name)
    if door is None:
        _permission, thing, body = API[name]
        door = Door(("POST",) if body else READ_ONLY, thing)
    address, _data = door.request(name, world.things["eastern"])
    for method in door.methods:
        other = "write" if method == "GET" else "read"
        answer = key_of(world, who, other).ask(method, address, API.get(name, ("", None, None))[2])
        assert answer.status_code == 403, f"{method} with the scope {other}"


def test_without_a_token_the_api_says_so(world: World) -> None:
    for name, (_permission, thing, body) in API.items():
        address = reverse(name, args=world.things["khobar"].of(thing) if thing else ())
        client = world.clients["administrator of the authority"]
        # A browser's session is no key to the API either.
        answer = knock(client, "POST" if body else "GET", address)
        assert answer.status_code == 401, name


def test_nobody_signs_in_with_one_click_where_no_demo_runs(world: World, settings: Any) -> None:
    member = world.members["administrator of the authority"]
    address = reverse("people:demo_sign_in", args=[member.public_id])
    # Even while it runs: only as people of the demo.
    assert StaffClient().post(address).status_code == 404
    Member.objects.filter(pk=member.pk).update(is_demo=True)
    assert StaffClient().post(address).status_code == 302
    settings.IS_DEMO = False
    assert StaffClient().post(address).status_code == 404
