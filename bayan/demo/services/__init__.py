"""The demo authority's people, its WhatsApp account, and what was written to it so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import override

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.events import DeliveryStatus, IncomingMessage
from bayan.channels.models import Account, Number, Template
from bayan.channels.services.suggestions import SUGGESTIONS
from bayan.core import audit
from bayan.correspondence.models import Address
from bayan.correspondence.services import To
from bayan.demo.services.letters import report_from_field, working_day, write_letters
from bayan.demo.stories import (
    BOOKINGS,
    CONTRACTORS,
    DECISIONS,
    DESK,
    EVERYBODY,
    JOURNALISTS,
    LABELS,
    MEETINGS,
    NEEDS,
    NEWS,
    POLLS,
    READY_ACTIONS,
    READY_REPLIES,
    STORIES,
    TASKS,
    Line,
    Story,
)
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.meetings import services as meetings
from bayan.meetings.models import Meeting, Poll
from bayan.needs import services as needs
from bayan.needs.models import Form, FormVersion, Need, Thing
from bayan.needs.services import Asked
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role, Turn
from bayan.people.permissions import Access
from bayan.press import services as press
from bayan.press.models import PressList
from bayan.work import services as work
from bayan.work.services import Task

DOMAIN = "demo.bayan.example"
# As the emulator calls the demo's account.
BUSINESS_ID = "104857600000001"
# (address, Arabic name, English name, role, body); the order is that of the sign-in page.
PEOPLE = (
    ("desk", "هند الدوسري", "Hind Aldossary", Role.Kind.RESPONDER, "eastern"),
    ("responder.khobar", "سارة القحطاني", "Sarah Alqahtani", Role.Kind.RESPONDER, "khobar"),
    ("responder.qatif", "علي آل سيف", "Ali Alsaif", Role.Kind.RESPONDER, "qatif"),
    ("responder.jubail", "منى الخالدي", "Mona Alkhaldi", Role.Kind.RESPONDER, "jubail"),
    ("executive", "عبدالله السبيعي", "Abdullah Alsubaie", Role.Kind.EXECUTIVE, "eastern"),
    ("mayor.khobar", "سلطان الهاجري", "Sultan Alhajri", Role.Kind.EXECUTIVE, "khobar"),
    ("director", "فيصل العتيبي", "Faisal Alotaibi", Role.Kind.DIRECTOR, "eastern"),
    ("director.khobar", "ريم العنزي", "Reem Alanazi", Role.Kind.DIRECTOR, "khobar"),
    ("spokesperson", "ماجد الغامدي", "Majed Alghamdi", Role.Kind.SPOKESPERSON, "eastern"),
    ("press", "لطيفة المطيري", "Latifa Almutairi", Role.Kind.PRESS_OFFICER, "eastern"),
    ("editor", "يزيد الحربي", "Yazid Alharbi", Role.Kind.EDITOR, "eastern"),
    ("monitor", "أمل الرشيدي", "Amal Alrashidi", Role.Kind.MONITOR, "eastern"),
    ("legal", "ناصر العجمي", "Nasser Alajmi", Role.Kind.LEGAL_REVIEWER, "eastern"),
    ("field.khobar", "بدر الدوسري", "Badr Aldossary", Role.Kind.FIELD_OFFICER, "khobar"),
    ("trainer", "جواهر السهلي", "Jawaher Alsahli", Role.Kind.TRAINER, "eastern"),
    ("researcher", "طلال البوعينين", "Talal Albuainain", Role.Kind.RESEARCHER, "eastern"),
    ("viewer.khobar", "خالد الزهراني", "Khalid Alzahrani", Role.Kind.VIEWER, "khobar"),
    ("admin", "نوف الشمري", "Nouf Alshammari", Role.Kind.ADMINISTRATOR, "eastern"),
)  # fmt: skip
# Of them, who has linked the mobile by which the emulator knows them.
FORWARDS = "desk"
# Who is on duty this week: (body, who writes the roster, first and last hour, whose turn day after day).
ROSTERS = (
    ("eastern", "director", 8, 20, ("desk", "press", "editor")),
    ("eastern", "director", 20, 8, ("spokesperson", "monitor", "director")),
    ("khobar", "director.khobar", 16, 8, ("responder.khobar", "field.khobar", "director.khobar")),
)


@transaction.atomic
def load(*, emulator_port: int, now: datetime) -> None:
    """Bring the demo's people and account in line with this list; harmless when repeated."""
    known = set(Member.objects.values_list("email", flat=True))
    nodes = {node.key: node for node in Node.objects.all()}
    for number, (address, name_ar, name_en, role, node) in enumerate(PEOPLE):
        email = f"{address}@{DOMAIN}"
        if email not in known:
            people.create_member(
                email=email, name_ar=name_ar, name_en=name_en, password=None,
                role=role, node=nodes[node], now=now, phone=f"9665000007{number:02}", is_demo=True,
            )  # fmt: skip
    # The emulator has this member's phone, so that anybody can try what forwarding does.
    Member.objects.filter(email=f"{FORWARDS}@{DOMAIN}", phone_linked_at=None).update(
        phone_linked_at=now
    )
    plan_duty(now=now)
    base_url = f"http://127.0.0.1:{emulator_port}"
    if not Account.objects.filter(key="demo", base_url=base_url, business_id=BUSINESS_ID).exists():
        channels.save_account(
            key="demo",
            nature=Account.Nature.DEMO,
            name="واتساب التجريبي",
            base_url=base_url,
            app_secret="demo-app-secret",
            verify_token="demo-verify-token",
            access_token="demo-access-token",
            numbers={"106540000000940": "+966 11 234 5678"},
            node=organisation.desk(),
            now=now,
            business_id=BUSINESS_ID,
        )
    _other_ways(emulator_port, now=now)
    submit_suggestions(now=now)


def _other_ways(emulator_port: int, *, now: datetime) -> None:
    """By which members are reached when WhatsApp does not reach them: text messages and e-mail."""
    here = f"http://127.0.0.1:{emulator_port}"
    mail, mailbox = f"smtp://127.0.0.1:{emulator_port + 1}", f"imap://127.0.0.1:{emulator_port + 2}"
    ways: tuple[dict[str, Any], ...] = (
        {
            "key": "demo-sms", "channel": Account.Channel.UNIFONIC, "name": "الرسائل القصيرة (تجريبي)",
            "base_url": here, "access_token": "demo-sms-key", "sender_class": Number.Class.SERVICE,
            "numbers": {channels.sender_id("demo-sms", "EasternMun"): "EasternMun"},
        },
        {
            "key": "demo-mail", "channel": Account.Channel.EMAIL, "name": "بريد الأمانة (تجريبي)",
            "base_url": mail, "inbox_url": mailbox, "login": f"bayan@{DOMAIN}",
            "access_token": "demo-mail-password",
            "numbers": {f"bayan@{DOMAIN}": f"bayan@{DOMAIN}"},
        },
    )  # fmt: skip
    for way in ways:
        if not Account.objects.filter(key=way["key"], base_url=way["base_url"]).exists():
            channels.save_account(
                nature=Account.Nature.DEMO,
                app_secret="demo-app-secret",
                verify_token="demo-sms-callback",
                node=organisation.desk(),
                now=now,
                **way,
            )


def plan_duty(*, now: datetime) -> int:
    """Fill the roster of this week and the next where it is empty. Returns how many turns were added."""
    members = {member.email: member for member in Member.objects.filter(is_demo=True)}
    nodes = {node.key: node for node in Node.objects.all()}
    today = timezone.localdate(now)
    # Weeks begin on Sunday here.
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    added = 0
    for key, director, first, last, names in ROSTERS:
        begins = [
            timezone.make_aware(datetime.combine(sunday + timedelta(days=number), time(first)))
            # The night before the week began is not over when it begins.
            for number in range(-1, 14)
        ]
        slots = [
            people.Slot(
                member=members[f"{names[number % len(names)]}@{DOMAIN}"],
                starts_at=begin,
                ends_at=begin + timedelta(hours=(last - first) % 24),
            )
            for number, begin in enumerate(begins)
        ]
        free = [
            slot
            for slot in slots
            if slot.ends_at > now
            and not Turn.objects.filter(
                Q(node=nodes[key]) | Q(member=slot.member),
                starts_at__lt=slot.ends_at,
                ends_at__gt=slot.starts_at,
            ).exists()
        ]
        if free:
            by = Access.of(members[f"{director}@{DOMAIN}"], now=now)
            added += len(people.plan_turns(nodes[key], free, by=by, now=now))
    return added


def submit_suggestions(*, now: datetime) -> int:
    """Have the ready-made templates reviewed, those that the account does not have yet. Returns how many."""
    account = Account.objects.get(key="demo")
    known = set(Template.objects.filter(account=account).values_list("name", "language"))
    missing = [
        (suggestion, language, wording)
        for suggestion in SUGGESTIONS.values()
        for language, wording in suggestion.wordings.items()
        if (suggestion.name, language) not in known
    ]
    for suggestion, language, wording in missing:
        template = channels.templates.create_draft(
            account,
            name=suggestion.name,
            language=language,
            category=suggestion.category,
            components=wording.components,
            ttl_seconds=suggestion.ttl_seconds,
            by=audit.SYSTEM,
            now=now,
        )
        channels.templates.submit(template.public_id, by=audit.SYSTEM, now=now)
        if suggestion.purpose:
            channels.templates.adopt_purpose(
                template.public_id,
                Template.Purpose(suggestion.purpose),
                by=audit.SYSTEM,
                now=now,
            )
    return len(missing)


@transaction.atomic
def tell_stories(*, now: datetime) -> int:
    """Fill an empty inbox with the demo's conversations, made as real ones are. Returns how many."""
    if Conversation.objects.exists():
        return 0
    number = Number.objects.select_related("account").get(account__key="demo")
    # What was written hours ago is not asked about now.
    Account.objects.filter(key="demo").update(asks_where=False)
    members = {m.email: m for m in Member.objects.filter(is_demo=True)}
    _settings(members[f"{DESK}@{DOMAIN}"], now=now)
    nodes = {node.key: node for node in Node.objects.all()}
    # Everything of one moment after the other, as it would have come.
    for position, story in enumerate(sorted(STORIES, key=lambda s: -s.lines[0].minutes_ago)):
        teller = _Teller(story, position, number, members, nodes, now)
        teller.tell()
    Account.objects.filter(key="demo").update(asks_where=True)
    work.let_past(now=now)
    _give_work(members, nodes, now=now)
    _ask_needs(members, nodes, now=now)
    _fill_press(members, nodes, now=now)
    _fill_meetings(members, nodes["eastern"], now=now)
    named = {str(email).partition("@")[0]: member for email, member in members.items()}
    write_letters(named, now=now)
    report_from_field(named[FORWARDS], now=now)
    return len(STORIES)


def _ask_needs(members: dict[str | None, Member], nodes: dict[str, Node], *, now: datetime) -> None:
    """Requests in all states, and a week of bookings."""
    forms = {form.key: form for form in Form.objects.select_related("version")}
    things = {thing.key: thing for thing in Thing.objects.exclude(key="")}
    director = members[f"director@{DOMAIN}"]
    access = Access.of(director, now=now)
    for need in NEEDS:
        form = forms.get(need.form)
        if form is None or form.version is None:
            continue
        at = now - timedelta(hours=need.hours_ago)
        starts = _at_nine(now, need.days_ahead)
        made = needs.ask(
            form.version,
            Asked(
                answers=need.answers | _when(form.version, starts), title=need.title, quantity=need.quantity,
                starts_at=starts, ends_at=None,
            ),
            node=nodes[need.node], by=members[f"{need.by}@{DOMAIN}"], now=at,
        )  # fmt: skip
        rows = Need.objects.filter(pk=made.pk)
        grant = needs.Grant(due_at=max(starts, at + timedelta(hours=1)), words=need.words)
        if need.end in {"granted", "provided", "confirmed"}:
            needs.grant_each(rows, grant, by=director, now=at + timedelta(minutes=40))
        if need.end in {"provided", "confirmed"}:
            needs.provide(made.public_id, by=access, now=at + timedelta(minutes=90))
        if need.end == "confirmed":
            asker = members[f"{need.by}@{DOMAIN}"]
            needs.confirm(made.public_id, by=asker, now=at + timedelta(minutes=120))
        if need.end == "refused":
            needs.refuse_each(rows, need.words, by=director, now=at + timedelta(minutes=40))
    # What is long past is told to nobody.
    needs.let_past(now=now)
    for key, day, hours, node, by, purpose in BOOKINGS:
        if key in things:
            starts = _at_nine(now, day)
            needs.book(
                needs.Wish(
                    thing=things[key], node=nodes[node], starts_at=starts,
                    ends_at=starts + timedelta(hours=hours), purpose=purpose,
                ),
                by=members[f"{by}@{DOMAIN}"], now=now,
            )  # fmt: skip


def _when(version: FormVersion, starts: datetime) -> dict[str, Any]:
    """The answer to the form's question when it is needed."""
    local = timezone.localtime(starts)
    for field in version.fields:
        if field["kind"] == "span":
            ends = local + timedelta(hours=2)
            return {field["key"]: [local.isoformat(), ends.isoformat()]}
        if field["kind"] == "date":
            return {field["key"]: local.date().isoformat()}
    return {}


def _at_nine(now: datetime, days: int) -> datetime:
    day = timezone.localdate(now) + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time(9)))


def _fill_press(
    members: dict[str | None, Member], nodes: dict[str, Node], *, now: datetime
) -> None:
    """Journalists on two lists, and stories of municipalities at the editors' desk."""
    editor = members[f"editor@{DOMAIN}"]
    for number, (name, outlet, beat, has_phone, on) in enumerate(JOURNALISTS):
        made = press.save_journalist(
            None,
            press.Facts(
                name=name, outlet=outlet, beat=beat, has_agreed=True,
                phone=f"+9665000008{number:02}" if has_phone else "",
                email="" if has_phone else f"news{number}@{DOMAIN}",
            ),
            by=editor,
            now=now,
        )  # fmt: skip
        known = PressList.objects.filter(name=on).first()
        members_of = known.journalists.values_list("public_id", flat=True) if known else ()
        press.save_list(
            known.public_id if known else None, name=on, members=[*members_of, made.public_id],
            by=editor, now=now,
        )  # fmt: skip
    for sender, body, title, text, hours in NEWS:
        at = now - timedelta(hours=hours)
        story = press.hand_in(
            press.Request(title=title, text=text, shows_people="none"), [], node=nodes[body],
            by=members[f"{sender}@{DOMAIN}"], now=at,
        )  # fmt: skip
        if hours > 20:
            press.take(story.public_id, editor=editor, by=editor, now=at + timedelta(minutes=40))


def _fill_meetings(members: dict[str | None, Member], node: Node, *, now: datetime) -> None:
    """Polls that run and one that is over; a meeting to come, and one with its minutes."""
    named = {address: members[f"{address}@{DOMAIN}"] for address in EVERYBODY}
    director = members[f"director@{DOMAIN}"]
    for poll in POLLS:
        at = now - timedelta(hours=poll.hours_ago)
        made = meetings.draft_poll(
            meetings.Question(
                question=poll.question, options=poll.options, to=_to(named[one] for one in poll.asked),
                is_secret=poll.is_secret, until=now + timedelta(days=3), term_hours=None,
            ),
            node=node, by=director, now=at,
        )  # fmt: skip
        # The demo's people work here from now on: they are asked now, and it is written down as earlier.
        meetings.send_poll(made.public_id, by=director, now=now)
        made.refresh_from_db()
        for address, position in poll.chosen:
            meetings.vote(
                made.public_id, position, by=named[address], now=now, fingerprint=made.fingerprint,
            )  # fmt: skip
        if poll.is_over:
            meetings.close_poll(made.public_id, by=director, now=now)
        Poll.objects.filter(pk=made.pk).update(sent_at=at)
    for title, days, agenda, answers in MEETINGS:
        held_at = working_day(now, days, 9)
        starts = max(held_at, now + timedelta(hours=1))
        at = min(now, held_at) - timedelta(days=5)
        held = meetings.draft_meeting(
            meetings.Plan(
                title=title, starts_at=starts, minutes_long=60, place="القاعة الكبرى، الدور الثالث",
                chair=director, secretary=director, kind="periodic" if days > 0 else "single",
                agenda=[meetings.Point(point) for point in agenda], to=_to(named.values()),
            ),
            node=node, by=director, now=at,
        )  # fmt: skip
        meetings.call_meeting(held.public_id, by=director, now=now)
        for address, answer in answers:
            meetings.answer_invitation(held.public_id, answer, by=named[address], now=now)
        Meeting.objects.filter(pk=held.pk).update(called_at=at, starts_at=held_at)
        if days < 0:
            _write_minutes(held, named, by=director, now=now)
    # What was asked yesterday is told to nobody today.
    meetings.let_past(now=now)


def _write_minutes(
    meeting: Meeting, named: dict[str, Member], *, by: Member, now: datetime
) -> None:
    came = meeting.invitees.filter(answer="comes").values_list("public_id", flat=True)
    said = {point.public_id: "نوقش البند وأُقرّ ما فيه." for point in meeting.agenda.all()}
    meetings.write_minutes(meeting.public_id, said=said, attended=list(came), by=by, now=now)
    for text, owner, days in DECISIONS:
        decided = meetings.Decided(text=text, owner=named[owner], due_at=_at_nine(now, days))
        meetings.decide(meeting.public_id, decided, by=by, now=now)
    meetings.submit_minutes(meeting.public_id, by=by, now=now)


def _to(members: Iterable[Member]) -> list[To]:
    return [To(kind=Address.Kind.MEMBER, member=member) for member in members]


def _give_work(members: dict[str | None, Member], nodes: dict[str, Node], *, now: datetime) -> None:
    """Contractors, and a few tasks on the cases of the stories."""
    director = members[f"director.khobar@{DOMAIN}"]
    for contractor, project, number, phone, email in CONTRACTORS:
        work.add_project(
            contractor=contractor, project=project, department=nodes["khobar"], number=number,
            phone=phone, email=email, by=director, now=now,
        )  # fmt: skip
    case = (
        Case.objects.open()
        .filter(node=nodes["khobar"])
        .exclude(category="")
        .order_by("opened_at")
        .first()
    )
    if case is None:
        return
    for title, text, kind, owner in TASKS:
        work.give(
            Task(
                kind=kind,
                title=title,
                text=text,
                node=nodes["khobar"],
                given_from=nodes["khobar"],
                owner=members[f"{owner}@{DOMAIN}"],
                due_at=organisation.calendar().add(now, timedelta(hours=7)),
                subject=(cases.CASE, case.reference),
                wants_proof=kind == "do",
            ),
            by=director,
            now=now,
        )


def _settings(member: Member, *, now: datetime) -> None:
    """Labels, ready replies and actions of the authority's desk, which serve every municipality."""
    desk = organisation.desk()
    keys = {}
    for name, tone in LABELS:
        label = inbox.save_label(None, name=name, tone=tone, node=desk, by=member, now=now)
        keys[name] = f"label:{label.public_id}"
    for title, text in READY_REPLIES:
        reply = inbox.save_canned_reply(None, title=title, text=text, node=desk, by=member, now=now)
        keys[title] = f"ready:{reply.public_id}"
    for title, named in READY_ACTIONS:
        steps = [keys.get(step, step) for step in named]
        inbox.save_macro(None, title=title, steps=steps, note="", node=desk, by=member, now=now)


@dataclass
class _Teller:
    """Plays one story through the services."""

    story: Story
    position: int
    number: Number
    members: dict[str | None, Member]
    nodes: dict[str, Node]
    now: datetime

    def tell(self) -> None:
        first, *others = self.story.lines
        self._say(first)
        case = Case.objects.latest("pk")
        if self.story.kind:
            self._describe(case, first)
        if self.story.node:
            when = self._at(first.minutes_ago - 1)
            case = cases.assign_case(
                case.public_id, to=self.nodes[self.story.node], by=self._member(DESK), now=when
            )
        for line in others:
            if line.by:
                message = inbox.reply(
                    case.conversation.public_id,
                    line.text,
                    by=self._member(line.by),
                    now=self._at(line.minutes_ago),
                )
                self._arrive(message)
            else:
                self._say(line)
        if self.story.outcome:
            self._close(case)

    def _describe(self, case: Case, first: Line) -> None:
        story = self.story
        cases.describe(
            case.public_id,
            cases.Facts(
                kind=story.kind,
                category=story.category,
                priority=story.priority,
                place=story.place or None,
                point=story.point,
            ),
            by=self._member(DESK),
            now=self._at(first.minutes_ago - 1),
        )

    def _say(self, line: Line) -> None:
        cases.take_in([self._message(line)], now=self._at(line.minutes_ago))

    def _message(self, line: Line, *, choice_id: str = "") -> IncomingMessage:
        at = self._at(line.minutes_ago)
        return IncomingMessage(
            number_id=self.number.pk,
            external_id=f"wamid.demo.{self.position}.{line.minutes_ago}",
            whatsapp_id=f"SA.{90000000000000000000 + self.position}",
            phone=f"9665000002{self.position:02}",
            name=self.story.name,
            kind=line.kind,
            text=line.text,
            sent_at=at,
            received_at=at,
            choice_id=choice_id,
        )

    def _arrive(self, message: Message) -> None:
        """The person's phone has it, and they have read it: no dispatcher ever sees the row queued."""
        outgoing = message.outgoing
        assert outgoing is not None  # noqa: S101  # a message of ours
        channels.apply_statuses(
            DeliveryStatus(
                external_id=f"wamid.demo.{outgoing.public_id}",
                status=status,
                recipient="",
                callback=str(outgoing.public_id),
                provider_at=message.sent_at + timedelta(seconds=seconds),
                received_at=message.sent_at + timedelta(seconds=seconds),
                error=None,
            )
            for status, seconds in (("sent", 1), ("delivered", 2), ("read", 40))
        )

    def _close(self, case: Case) -> None:
        story = self.story
        at = self._at(story.closed_minutes_ago)
        cases.close_case(
            case.public_id,
            outcome=story.outcome,
            words=story.words,
            by=self._member(story.closed_by),
            now=at,
            # Nobody was there with a camera.
            basis=cases.Basis(excuse="confirmed"),
        )
        self._arrive(Message.objects.latest("pk"))
        with override("ar"):
            label = str(Case.Satisfaction(story.satisfaction).label)
        line = Line(story.closed_minutes_ago - 3, label, kind="list_reply")
        tap = self._message(line, choice_id=f"satisfaction-{story.satisfaction}")
        cases.receive_satisfaction([(tap, case.reference)], now=self._at(line.minutes_ago))

    def _member(self, address: str) -> Member:
        return self.members[f"{address}@{DOMAIN}"]

    def _at(self, minutes_ago: int) -> datetime:
        return self.now - timedelta(minutes=minutes_ago)
