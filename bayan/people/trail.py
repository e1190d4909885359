"""The audit trail in words: the trail keeps keys, people read sentences.

It outlives what it speaks of and knows keys of all apps, so its words stand here and not beside them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext_lazy
from django.utils.translation import gettext as _

from bayan.core.models import AuditEntry
from bayan.core.queries import Prepared
from bayan.core.references import grouped
from bayan.core.views import uuid_in
from bayan.organisation import selectors as organisation
from bayan.organisation.models import OutsideBody
from bayan.people.models import Member, OptOut, Role

ACTIONS: dict[str, str | Promise] = {
    "account.access_token_changed": pgettext_lazy("trail", "Access token replaced"),
    "account.access_token_offered": pgettext_lazy("trail", "New access token handed in"),
    "account.access_token_refused": pgettext_lazy("trail", "New access token refused"),
    "account.alert_raised": pgettext_lazy("trail", "Alert about an account raised"),
    "account.alert_reopened": pgettext_lazy("trail", "Alert about an account opened again"),
    "account.alert_settled": pgettext_lazy("trail", "Alert about an account settled"),
    "account.app_secret_changed": pgettext_lazy("trail", "App secret replaced"),
    "account.changed": pgettext_lazy("trail", "Channel account changed"),
    "account.created": pgettext_lazy("trail", "Channel account created"),
    "answer.exported": pgettext_lazy("trail", "Recipients of an answer saved as a file"),
    "answer.finished": pgettext_lazy("trail", "Answer to everybody sent"),
    "answer.paused": pgettext_lazy("trail", "Answer to everybody paused"),
    "answer.resumed": pgettext_lazy("trail", "Answer to everybody goes on"),
    "answer.started": pgettext_lazy("trail", "Answer to everybody started"),
    "answer.taken_back": pgettext_lazy("trail", "Answer to everybody taken back"),
    "body.day_added": pgettext_lazy("trail", "Days of a body's own added"),
    "body.day_removed": pgettext_lazy("trail", "Days of a body's own removed"),
    "body.hours_changed": pgettext_lazy("trail", "Working hours of a body changed"),
    "broadcast.cancelled": pgettext_lazy("trail", "Broadcast cancelled"),
    "broadcast.created": pgettext_lazy("trail", "Broadcast prepared"),
    "broadcast.finished": pgettext_lazy("trail", "Broadcast finished"),
    "broadcast.paused": pgettext_lazy("trail", "Broadcast paused"),
    "broadcast.resumed": pgettext_lazy("trail", "Broadcast goes on"),
    "broadcast.started": pgettext_lazy("trail", "Broadcast started"),
    "account.previous_app_secret_ended": pgettext_lazy("trail", "Old app secret no longer taken"),
    "account.tested": pgettext_lazy("trail", "Test message sent"),
    "account.verify_token_changed": pgettext_lazy("trail", "Verify token replaced"),
    "canned_reply.deleted": pgettext_lazy("trail", "Ready reply deleted"),
    "canned_reply.saved": pgettext_lazy("trail", "Ready reply saved"),
    "case.assign_undone": pgettext_lazy("trail", "Case taken back"),
    "case.answer_taken_back": pgettext_lazy("trail", "Answer taken back before it left"),
    "case.assigned": pgettext_lazy("trail", "Case assigned"),
    "case.change_undone": pgettext_lazy("trail", "Change of the case undone"),
    "case.closed": pgettext_lazy("trail", "Case closed"),
    "case.code_sent": pgettext_lazy("trail", "Code for the person's page of the case sent"),
    "case.described": pgettext_lazy("trail", "Case described"),
    "cases.exported": pgettext_lazy("trail", "List of cases saved as a file"),
    "case.followed": pgettext_lazy("trail", "The person looked at the case"),
    "case.following_stopped": pgettext_lazy("trail", "The person wants to hear no more of it"),
    "case.forward_joined": pgettext_lazy("trail", "Forward of a member added to the case"),
    "case.field_report_joined": pgettext_lazy("trail", "Field report added to the case"),
    "case.given_back": pgettext_lazy("trail", "Case given back to the authority"),
    "case.given": pgettext_lazy("trail", "Who handles the case"),
    "case.opened": pgettext_lazy("trail", "Case opened"),
    "case.judged": pgettext_lazy("trail", "Closing judged"),
    "case.near_asked": pgettext_lazy(
        "trail", "The person was asked whether it is what others reported"
    ),
    "case.linked": pgettext_lazy("trail", "Linked to another case"),
    "case.split": pgettext_lazy("trail", "A second case was made of it"),
    "case.split_from": pgettext_lazy("trail", "Made of another case"),
    "case.split_undone": pgettext_lazy("trail", "The second case was undone"),
    "case.turned_to": pgettext_lazy("trail", "The conversation is about this case now"),
    "case.unlinked": pgettext_lazy("trail", "Link to another case taken away"),
    "case.not_ended": pgettext_lazy(
        "trail", "Not closed with the others: something changed before"
    ),
    "case.news_promised": pgettext_lazy("trail", "News promised to the person"),
    "case.person_reminded": pgettext_lazy("trail", "The person was reminded to answer"),
    "case.place_asked": pgettext_lazy("trail", "The person was asked where it is"),
    "case.place_told": pgettext_lazy("trail", "The person said where it is"),
    "case.printed": pgettext_lazy("trail", "Case printed as a document"),
    "case.rang": pgettext_lazy("trail", "Time of the case"),
    "case.priority_set": pgettext_lazy("trail", "Priority set"),
    "case.reach_tried": pgettext_lazy("trail", "Tried to reach the person"),
    "case.reopened": pgettext_lazy("trail", "Case opened again"),
    "burst.noticed": pgettext_lazy("trail", "Burst of messages noticed"),
    "case.joined": pgettext_lazy("trail", "Joined to another case about the same matter"),
    "case.parted": pgettext_lazy("trail", "Made a matter of its own again"),
    "case.joining_undone": pgettext_lazy("trail", "Joining undone"),
    "case.danger_heard": pgettext_lazy("trail", "Danger to life heard: case became an emergency"),
    "case.read_again": pgettext_lazy("trail", "Read again by the second model"),
    "case.resumed": pgettext_lazy("trail", "The person answered: case goes on"),
    "case.routed": pgettext_lazy("trail", "Led by a rule"),
    "case.satisfaction_given": pgettext_lazy("trail", "Service rated"),
    "case.stage_changed": pgettext_lazy("trail", "Stage of the case"),
    "corrections.exported": pgettext_lazy("trail", "Corrections of triage saved as a file"),
    "conversation.assign_undone": pgettext_lazy("trail", "Assignment of the conversation undone"),
    "conversation.assigned": pgettext_lazy("trail", "Who answers the conversation"),
    "conversation.exported": pgettext_lazy("trail", "Messages of a conversation saved as a file"),
    "conversation.label_undone": pgettext_lazy("trail", "Labels put back"),
    "conversation.labelled": pgettext_lazy("trail", "Labels changed"),
    "conversation.snooze_undone": pgettext_lazy("trail", "Putting off undone"),
    "conversation.snoozed": pgettext_lazy("trail", "Conversation put off"),
    "conversation.woken": pgettext_lazy("trail", "Conversation taken back to the list"),
    "conversations.exported": pgettext_lazy("trail", "List of conversations saved as a file"),
    "contact.identity_changed": pgettext_lazy("trail", "Contact has a new number or id"),
    "contact.merged": pgettext_lazy("trail", "Contact merged with another: one person"),
    "contact.opted_in": pgettext_lazy("trail", "Person wants awareness messages again"),
    "contact.opted_out": pgettext_lazy("trail", "Person wants no awareness messages"),
    "contact.merge_undone": pgettext_lazy("trail", "Merging of contacts undone"),
    "contact.note_deleted": pgettext_lazy("trail", "Note on the contact deleted"),
    "contact.note_written": pgettext_lazy("trail", "Note on the contact written"),
    "contact.renamed": pgettext_lazy("trail", "Contact's name changed"),
    "contact.split": pgettext_lazy("trail", "Identity taken out of the contact"),
    "contact.split_undone": pgettext_lazy("trail", "Splitting of the contact undone"),
    "contact.split_off": pgettext_lazy("trail", "Contact made of another's identity"),
    "contact.took_over": pgettext_lazy("trail", "Another contact merged into this one"),
    "contact.identity_added": pgettext_lazy("trail", "Contact's identity added"),
    "contractor.address_changed": pgettext_lazy("trail", "Contact details of a contractor changed"),
    "contractor.project_added": pgettext_lazy("trail", "Project of a contractor added"),
    "contractor.project_ended": pgettext_lazy("trail", "Project of a contractor ended"),
    "deadlines.changed": pgettext_lazy("trail", "Deadlines changed"),
    "directive.listed": pgettext_lazy("trail", "Looked at the register of directives"),
    "directive.looked": pgettext_lazy("trail", "Looked at a directive"),
    "directive.registered": pgettext_lazy("trail", "Directive written down"),
    "directives.exported": pgettext_lazy("trail", "Directives saved as a file"),
    "duty.acknowledged": pgettext_lazy("trail", "Duty hand-over read"),
    "duty.handed_over": pgettext_lazy("trail", "Duty handed over"),
    "duty.planned": pgettext_lazy("trail", "Duty turn planned"),
    "duty.removed": pgettext_lazy("trail", "Duty turn removed"),
    "duty.swap_asked": pgettext_lazy("trail", "Exchange of a duty turn asked for"),
    "duty.swap_declined": pgettext_lazy("trail", "Exchange of a duty turn declined"),
    "duty.swap_withdrawn": pgettext_lazy("trail", "Question about a duty turn taken back"),
    "duty.swapped": pgettext_lazy("trail", "Duty turn given to another"),
    "field_report.sent": pgettext_lazy("trail", "Field report sent"),
    "field_reports.exported": pgettext_lazy("trail", "Field reports saved as a file"),
    "invitation.created": pgettext_lazy("trail", "Somebody invited"),
    "invitation.renewed": pgettext_lazy("trail", "New link for an invitation"),
    "invitation.withdrawn": pgettext_lazy("trail", "Invitation withdrawn"),
    "item.delegated": pgettext_lazy("trail", "Task handed over"),
    "item.ended": pgettext_lazy("trail", "Task ended"),
    "item.explained": pgettext_lazy("trail", "Task takes longer"),
    "item.given": pgettext_lazy("trail", "Task given"),
    "item.outside_told": pgettext_lazy("trail", "Message with a link prepared for whoever has it"),
    "item.outside_unreached": pgettext_lazy("trail", "Whoever has it could not be reached"),
    "item.link_made": pgettext_lazy("trail", "Link to a task made"),
    "item.link_withdrawn": pgettext_lazy("trail", "Links to a task withdrawn"),
    "item.rang": pgettext_lazy("trail", "Time of the task"),
    "item.remarked": pgettext_lazy("trail", "Remark on a task"),
    "item.refused": pgettext_lazy("trail", "Tried and refused"),
    "item.sent_again": pgettext_lazy("trail", "Task given back"),
    "item.version": pgettext_lazy("trail", "A version of a file to be approved"),
    "item.withdrawn": pgettext_lazy("trail", "Task withdrawn"),
    "outside_body.address_changed": pgettext_lazy(
        "trail", "Contact details of a body outside changed"
    ),
    "letter.certified": pgettext_lazy("trail", "Certificate of service printed"),
    "letter.changed": pgettext_lazy("trail", "Letter changed"),
    "letter.correction_begun": pgettext_lazy("trail", "Correction of the letter begun"),
    "letter.deleted": pgettext_lazy("trail", "Draft of a letter thrown away"),
    "letter.destroyed": pgettext_lazy("trail", "Letter destroyed"),
    "letter.digest_sent": pgettext_lazy("trail", "Summary of answers sent"),
    "letter.drafted": pgettext_lazy("trail", "Letter drafted"),
    "letter.exported": pgettext_lazy("trail", "File of the letter saved, with its fingerprints"),
    "letter.handed_over": pgettext_lazy("trail", "Draft given to somebody else"),
    "letter.link_refused": pgettext_lazy("trail", "Dead or foreign link to the letter tried"),
    "letter.looked": pgettext_lazy("trail", "Letter looked at"),
    "letter.recalled": pgettext_lazy("trail", "Letter recalled"),
    "letter.recipients_exported": pgettext_lazy("trail", "Recipients of a letter saved as a file"),
    "letter.refused": pgettext_lazy("trail", "Letter not signed"),
    "letter.remarked": pgettext_lazy("trail", "A recipient wrote about the letter"),
    "letter.returned": pgettext_lazy("trail", "Letter returned for changes"),
    "letter.reviewed": pgettext_lazy("trail", "Letter reviewed and approved"),
    "letter.sent_to_review": pgettext_lazy("trail", "Letter handed in to review"),
    "letter.sent": pgettext_lazy("trail", "Letter signed and sent"),
    "letter.submitted": pgettext_lazy("trail", "Letter handed in to sign"),
    "letter.taken_back": pgettext_lazy("trail", "Letter taken back to change it"),
    "meeting.answered": pgettext_lazy("trail", "Invitation answered"),
    "meeting.called": pgettext_lazy("trail", "Invited to the meeting"),
    "meeting.calling_undone": pgettext_lazy("trail", "Invitation undone"),
    "meeting.cancelled": pgettext_lazy("trail", "Meeting cancelled"),
    "meeting.changed": pgettext_lazy("trail", "Meeting changed"),
    "meeting.decided": pgettext_lazy("trail", "Decision written down"),
    "meeting.decision_dropped": pgettext_lazy("trail", "Decision taken out of the minutes"),
    "meeting.decisions_exported": pgettext_lazy("trail", "Decisions of meetings saved as a file"),
    "meeting.deleted": pgettext_lazy("trail", "Draft of a meeting thrown away"),
    "meeting.drafted": pgettext_lazy("trail", "Meeting drafted"),
    "meeting.handed_over": pgettext_lazy("trail", "Meeting given to somebody else"),
    "meeting.minutes_approved": pgettext_lazy("trail", "Minutes approved"),
    "meeting.minutes_returned": pgettext_lazy("trail", "Minutes returned for changes"),
    "meeting.minutes_submitted": pgettext_lazy("trail", "Minutes handed to the chair"),
    "meeting.minutes_taken_back": pgettext_lazy("trail", "Minutes taken back to change them"),
    "meeting.minutes_written": pgettext_lazy("trail", "Minutes written"),
    "poll.cancelled": pgettext_lazy("trail", "Poll cancelled"),
    "poll.changed": pgettext_lazy("trail", "Poll changed"),
    "poll.changed_vote": pgettext_lazy("trail", "Somebody voted anew"),
    "poll.closed": pgettext_lazy("trail", "Poll closed and counted"),
    "poll.deleted": pgettext_lazy("trail", "Draft of a poll thrown away"),
    "poll.drafted": pgettext_lazy("trail", "Poll drafted"),
    "poll.exported": pgettext_lazy("trail", "Poll saved as a file"),
    "poll.handed_over": pgettext_lazy("trail", "Poll given to somebody else"),
    "poll.result_told": pgettext_lazy("trail", "Result of the poll told"),
    "poll.sending_undone": pgettext_lazy("trail", "Sending of the poll undone"),
    "poll.sent": pgettext_lazy("trail", "Poll sent"),
    "poll.voted": pgettext_lazy("trail", "Somebody voted"),
    "letters.exported": pgettext_lazy("trail", "List of letters saved as a file"),
    "letters.responses_saved": pgettext_lazy("trail", "How bodies answer letters, saved as a file"),
    "journal.replayed": pgettext_lazy("trail", "Set-aside message processed again"),
    "label.deleted": pgettext_lazy("trail", "Label deleted"),
    "label.saved": pgettext_lazy("trail", "Label saved"),
    "macro.deleted": pgettext_lazy("trail", "Ready-made action deleted"),
    "macro.run": pgettext_lazy("trail", "Ready-made action done"),
    "macro.saved": pgettext_lazy("trail", "Ready-made action saved"),
    "member.created": pgettext_lazy("trail", "Member added"),
    "member.cleared": pgettext_lazy("trail", "Member cleared: everything handed over"),
    "member.deputy_ended": pgettext_lazy("trail", "Deputy ended"),
    "member.deputy_named": pgettext_lazy("trail", "Deputy named"),
    "member.joined": pgettext_lazy("trail", "Invitation accepted"),
    "member.phone_linked": pgettext_lazy("trail", "Mobile linked"),
    "member.phone_unlinked": pgettext_lazy("trail", "Mobile taken off"),
    "member.quiet_ended": pgettext_lazy("trail", "Silence ended"),
    "member.quieted": pgettext_lazy("trail", "Silence: only emergencies by WhatsApp"),
    "member.role_ended": pgettext_lazy("trail", "Role ended"),
    "member.role_given": pgettext_lazy("trail", "Role given"),
    "member.backup_phone_set": pgettext_lazy("trail", "Backup mobile entered"),
    "member.backup_phone_removed": pgettext_lazy("trail", "Backup mobile taken off"),
    "member.address_given": pgettext_lazy("trail", "E-mail address entered"),
    "member.second_factor_set": pgettext_lazy("trail", "Second factor set up"),
    "member.second_factor_taken_off": pgettext_lazy("trail", "Second factor taken off"),
    "member.second_factor_reset": pgettext_lazy("trail", "Second factor reset by somebody else"),
    "member.recovery_code_used": pgettext_lazy("trail", "Code on paper used"),
    "member.recovery_codes_renewed": pgettext_lazy("trail", "New codes on paper"),
    "member.switched_off": pgettext_lazy("trail", "Member switched off"),
    "member.switched_on": pgettext_lazy("trail", "Member switched on again"),
    "mandate.approve_refused": pgettext_lazy("trail", "Approval refused: others may approve"),
    "mandate.changed": pgettext_lazy("trail", "Row of who may speak changed"),
    "mandate.removed": pgettext_lazy("trail", "Row of who may speak taken out"),
    "mandate.speak_refused": pgettext_lazy("trail", "Sending refused: others may speak"),
    "need.asked": pgettext_lazy("trail", "Need asked for"),
    "need.confirmed": pgettext_lazy("trail", "Need received"),
    "need.decision_undone": pgettext_lazy("trail", "Decision on a need undone"),
    "need.disputed": pgettext_lazy("trail", "Need not provided as agreed"),
    "need.handed_over": pgettext_lazy("trail", "Request of a need handed over"),
    "need.given": pgettext_lazy("trail", "Need given to somebody to provide"),
    "need.granted": pgettext_lazy("trail", "Need granted"),
    "need.provided": pgettext_lazy("trail", "Need provided"),
    "need.refused": pgettext_lazy("trail", "Need not granted"),
    "need.rang": pgettext_lazy("trail", "Time of the need"),
    "need.taken": pgettext_lazy("trail", "Need under review"),
    "need.task_withdrawn": pgettext_lazy("trail", "Task of the need withdrawn"),
    "need.withdrawn": pgettext_lazy("trail", "Need withdrawn"),
    "need_form.saved": pgettext_lazy("trail", "Form of needs saved"),
    "needs.exported": pgettext_lazy("trail", "Needs saved as a file"),
    "booking.booked": pgettext_lazy("trail", "Thing booked"),
    "booking.cancelled": pgettext_lazy("trail", "Booking cancelled"),
    "booking.out": pgettext_lazy("trail", "Booked thing handed out"),
    "booking.rang": pgettext_lazy("trail", "Time of a booked thing"),
    "booking.returned": pgettext_lazy("trail", "Booked thing came back"),
    "thing.given_out": pgettext_lazy("trail", "Given out of the stock"),
    "thing.out_of_order": pgettext_lazy("trail", "Thing out of order"),
    "thing.mended": pgettext_lazy("trail", "Thing in order again"),
    "thing.saved": pgettext_lazy("trail", "Thing saved"),
    "thing.stocked": pgettext_lazy("trail", "Stock filled up or corrected"),
    "message.resent": pgettext_lazy("trail", "Message sent again"),
    "message.sent": pgettext_lazy("trail", "Message sent"),
    "message.withdrawn": pgettext_lazy("trail", "Message taken back"),
    "note.deleted": pgettext_lazy("trail", "Internal note deleted"),
    "note.written": pgettext_lazy("trail", "Internal note written"),
    "number.added": pgettext_lazy("trail", "Number added"),
    "number.changed": pgettext_lazy("trail", "Number changed"),
    "number.removed": pgettext_lazy("trail", "Number removed"),
    "number.resumed": pgettext_lazy("trail", "Number goes on"),
    "number.stopped": pgettext_lazy("trail", "Number stopped"),
    "wording.changed": pgettext_lazy("trail", "Automatic message worded"),
    "wording.reset": pgettext_lazy("trail", "Automatic message in Bayan's own words again"),
    "wording.undone": pgettext_lazy("trail", "Wording of an automatic message undone"),
    "template.changed": pgettext_lazy("trail", "Template changed"),
    "template.created": pgettext_lazy("trail", "Template written"),
    "template.deleted": pgettext_lazy("trail", "Template deleted"),
    "template.kept": pgettext_lazy("trail", "Template kept after all"),
    "template.purpose_set": pgettext_lazy("trail", "Template's use set"),
    "template.refused": pgettext_lazy("trail", "Template not accepted by WhatsApp"),
    "template.state_changed": pgettext_lazy("trail", "Template's state"),
    "template.submitted": pgettext_lazy("trail", "Template submitted for review"),
    "quality.drawn": pgettext_lazy("trail", "Sample of closed cases drawn"),
    "case.emptied": pgettext_lazy("trail", "Case emptied after its period"),
    "conversation.emptied": pgettext_lazy("trail", "Conversation emptied after its period"),
    "field_report.emptied": pgettext_lazy(
        "trail", "Report from the field emptied after its period"
    ),
    "meeting.emptied": pgettext_lazy("trail", "Meeting emptied after its period"),
    "need.emptied": pgettext_lazy("trail", "Request emptied after its period"),
    "retention.destroyed": pgettext_lazy("trail", "Destroyed after its period"),
    "retention.handed_over": pgettext_lazy("trail", "Handed over after its period"),
    "retention.held": pgettext_lazy("trail", "Legal hold placed"),
    "retention.kept": pgettext_lazy("trail", "Kept longer than its period"),
    "retention.lifted": pgettext_lazy("trail", "Legal hold lifted"),
    "retention.period_removed": pgettext_lazy("trail", "Period of retention taken away"),
    "retention.period_set": pgettext_lazy("trail", "Period of retention set"),
    "retention.removal_finished": pgettext_lazy("trail", "Removal after the period finished"),
    "retention.removal_started": pgettext_lazy("trail", "Removal after the period started"),
    "retention.removal_stopped": pgettext_lazy("trail", "Removal after the period stopped"),
    "team.changed": pgettext_lazy("trail", "Team changed"),
    "team.made": pgettext_lazy("trail", "Team made"),
    "team.put_away": pgettext_lazy("trail", "Team put away"),
    "routing.rule_changed": pgettext_lazy("trail", "Rule of routing changed"),
    "routing.rule_deleted": pgettext_lazy("trail", "Rule of routing deleted"),
    "routing.rule_moved": pgettext_lazy("trail", "Rule of routing moved"),
    "routing.rule_restored": pgettext_lazy("trail", "Rule of routing brought back"),
    "routing.rule_switched_off": pgettext_lazy("trail", "Rule of routing switched off"),
    "routing.rule_switched_on": pgettext_lazy("trail", "Rule of routing switched on"),
    "routing.rule_written": pgettext_lazy("trail", "Rule of routing written"),
    "journalist.ended": pgettext_lazy("trail", "Journalist taken out of the register"),
    "journalist.saved": pgettext_lazy("trail", "Journalist in the register saved"),
    "journalists.imported": pgettext_lazy("trail", "Journalists taken in from a file"),
    "press_list.deleted": pgettext_lazy("trail", "List of journalists deleted"),
    "press_list.saved": pgettext_lazy("trail", "List of journalists saved"),
    "release.finished": pgettext_lazy("trail", "Story handed over to all journalists"),
    "release.link_made": pgettext_lazy("trail", "Link to a story copied for a journalist"),
    "release.paused": pgettext_lazy("trail", "Sending of a story paused"),
    "release.resumed": pgettext_lazy("trail", "Sending of a story goes on"),
    "release.withdrawn": pgettext_lazy("trail", "Sending of a story withdrawn: its links are dead"),
    "story.accepted": pgettext_lazy("trail", "Story accepted"),
    "story.approval_asked": pgettext_lazy("trail", "Approval of a story asked for"),
    "story.approval_denied": pgettext_lazy("trail", "Approver sent the story back to the editors"),
    "story.approval_refused": pgettext_lazy("trail", "Tried to approve a story, and was refused"),
    "story.approved": pgettext_lazy("trail", "Story approved"),
    "story.begun": pgettext_lazy("trail", "Story begun in WhatsApp"),
    "story.declined": pgettext_lazy("trail", "Story not accepted"),
    "story.destroyed": pgettext_lazy("trail", "Story destroyed"),
    "story.edited": pgettext_lazy("trail", "Story edited"),
    "story.exported": pgettext_lazy("trail", "File of the story saved, with its fingerprints"),
    "story.files_added": pgettext_lazy("trail", "Files added to a story"),
    "story.published": pgettext_lazy("trail", "Story published"),
    "story.recalled": pgettext_lazy("trail", "Story is with no journalist any more"),
    "story.returned": pgettext_lazy("trail", "Story returned for completion"),
    "story.reviewed_again": pgettext_lazy("trail", "Story is in review again"),
    "story.sent": pgettext_lazy("trail", "Story sent to journalists"),
    "story.submitted": pgettext_lazy("trail", "Story handed in"),
    "story.taken": pgettext_lazy("trail", "Editor of a story"),
    "story.withdrawn": pgettext_lazy("trail", "Story withdrawn"),
    "token.created": pgettext_lazy("trail", "API key created"),
}
VALUES: dict[str, dict[Any, str | Promise]] = {
    "excuse": {
        "inside": gettext_lazy("the work is inside a building"),
        "confirmed": gettext_lazy("the person confirmed it themselves"),
        "gone": gettext_lazy("the hazard went away by itself"),
        "other": gettext_lazy("another reason, in words"),
    },
    "verdict": {
        "good": pgettext_lazy("quality", "good"),
        "to_improve": pgettext_lazy("quality", "to improve"),
        "reopened": pgettext_lazy("quality", "opened again"),
    },
    "reminded": {
        "words": pgettext_lazy("trail", "in words"),
        "template": pgettext_lazy("trail", "by a template"),
    },
    "told": {
        True: pgettext_lazy("trail", "the person was told"),
        False: pgettext_lazy("trail", "nothing could reach the person"),
    },
    "together": {True: pgettext_lazy("trail", "together with others")},
    "shown": {"picture": gettext_lazy("shown by a picture")},
    "way": {"phone": gettext_lazy("by phone"), "whatsapp": gettext_lazy("by WhatsApp")},
    "item_kind": {
        "acknowledge": pgettext_lazy("item", "acknowledge"),
        "answer": pgettext_lazy("item", "answer"),
        "do": pgettext_lazy("item", "do"),
        "approve": pgettext_lazy("item", "approve"),
    },
    "item_state": {
        "done": pgettext_lazy("item", "done"),
        "returned": pgettext_lazy("item", "returned for changes"),
        "refused": pgettext_lazy("item", "not approved"),
        "declined": pgettext_lazy("item", "declined"),
    },
    "why": {
        "parts": gettext_lazy("material or equipment is missing"),
        "others": gettext_lazy("another body must act first"),
        "site": gettext_lazy("the site cannot be worked at now"),
        "time": gettext_lazy("it needs more time"),
        "not_reachable": gettext_lazy("the person could not be reached"),
        "not_ours": gettext_lazy("it is not ours"),
    },
    "need_state": {
        "partly": pgettext_lazy("trail", "in part"),
    },
    "clock": {
        "answer": pgettext_lazy("clock", "first answer"),
        "close": pgettext_lazy("clock", "the end"),
        "second": pgettext_lazy("clock", "second deadline"),
        "update": pgettext_lazy("clock", "promised news"),
        "due": pgettext_lazy("clock", "the task"),
    },
    "level": {
        "reminder": pgettext_lazy("level", "reminder"),
        "first": pgettext_lazy("level", "first follow-up"),
        "second": pgettext_lazy("level", "second follow-up"),
        "raised": pgettext_lazy("level", "raised"),
        "last": pgettext_lazy("level", "second deadline missed"),
    },
    "outcome": {
        "resolved": gettext_lazy("put right"),
        "answered": gettext_lazy("answered"),
        "referred": gettext_lazy("referred to another body"),
        "duplicate": gettext_lazy("duplicate"),
        "not_actionable": gettext_lazy("could not be acted on"),
    },
    "satisfaction": {
        5: gettext_lazy("very satisfied"),
        4: gettext_lazy("satisfied"),
        3: gettext_lazy("neutral"),
        2: gettext_lazy("dissatisfied"),
        1: gettext_lazy("very dissatisfied"),
    },
    "asked": {
        True: pgettext_lazy("trail", "satisfaction asked"),
        False: pgettext_lazy("trail", "satisfaction not asked: the time to write had passed"),
    },
    "answer": {
        "chosen": pgettext_lazy("trail", "chosen from the list"),
        "elsewhere": pgettext_lazy("trail", "another place than those offered"),
        "pin": pgettext_lazy("trail", "a location"),
        "words": pgettext_lazy("trail", "in words"),
    },
    "asks_where": {
        True: pgettext_lazy("trail", "people are asked where it is"),
        False: pgettext_lazy("trail", "people are not asked where it is"),
    },
    "channel": {
        "whatsapp": gettext_lazy("WhatsApp"),
        "open311": "Open311",
        "call": pgettext_lazy("how a case came", "by hand: a call"),
        "counter": pgettext_lazy("how a case came", "by hand: at the counter"),
        "other": pgettext_lazy("how a case came", "by hand: another way"),
        "split": pgettext_lazy("how a case came", "split from another case"),
    },
    "kind": {
        "text": pgettext_lazy("trail", "text"),
        "list": pgettext_lazy("trail", "question with answers to choose from"),
        "ask_location": pgettext_lazy("trail", "their location was asked for"),
        "files_wait": pgettext_lazy("trail", "files cannot be fetched"),
        "quality_low": pgettext_lazy("trail", "low quality of a number"),
        "sending_stopped": pgettext_lazy("trail", "sending stopped"),
        "storage_failed": pgettext_lazy("trail", "files cannot be stored"),
        "template_stopped": pgettext_lazy("trail", "template paused"),
        "token_expires": pgettext_lazy("trail", "access token expires soon"),
        "token_refused": pgettext_lazy("trail", "access token refused"),
        "webhooks_silent": pgettext_lazy("trail", "WhatsApp does not reach us"),
    },
    "case_kind": {
        "complaint": gettext_lazy("complaint"),
        "observation": gettext_lazy("observation"),
        "suggestion": gettext_lazy("suggestion"),
        "enquiry": gettext_lazy("enquiry"),
        "praise": gettext_lazy("thanks and praise"),
        "rumour_claim": gettext_lazy("unconfirmed claim"),
        "spam": gettext_lazy("advertising or irrelevant"),
        "other": gettext_lazy("other"),
    },
    "priority": {
        "emergency": gettext_lazy("emergency"),
        "high": gettext_lazy("urgent"),
        "normal": pgettext_lazy("priority", "normal"),
        "low": gettext_lazy("not urgent"),
    },
    "stage": {
        "new": pgettext_lazy("stage", "new"),
        "in_progress": pgettext_lazy("stage", "in progress"),
        "waits_for_person": pgettext_lazy("stage", "waits for the person"),
        "waits_for_body": pgettext_lazy("stage", "waits for another body"),
    },
    "role": dict(Role.Kind.choices),
    "nature": {
        "real": gettext_lazy("real"),
        "demo": gettext_lazy("demo"),
        "exercise": gettext_lazy("exercise"),
    },
    "status": {
        "DRAFT": gettext_lazy("draft"),
        "PENDING": gettext_lazy("under review"),
        "APPROVED": gettext_lazy("approved"),
        "REJECTED": gettext_lazy("rejected"),
        "PAUSED": gettext_lazy("paused"),
        "DISABLED": gettext_lazy("disabled"),
        "DELETED": gettext_lazy("deleted"),
    },
    "purpose": {
        "reopen": gettext_lazy("opens the conversation again"),
        "": pgettext_lazy("trail", "none"),
    },
    "source": {
        **{str(value): label for value, label in OptOut.Source.choices},
        "forward": gettext_lazy("passed on by a member"),
        "field": pgettext_lazy("trail", "field report"),
    },
    "scheme": {"whatsapp": gettext_lazy("WhatsApp id"), "phone": gettext_lazy("mobile")},
}
FIELDS: dict[str, str | Promise] = {
    "subject": gettext_lazy("subject"),
    "kind": gettext_lazy("kind"),
    "category": gettext_lazy("category"),
    "priority": gettext_lazy("priority"),
    "place": gettext_lazy("place"),
    "notes": gettext_lazy("internal notes"),
    "person": gettext_lazy("the person's name and mobile"),
    "point": gettext_lazy("point on the map"),
    "balady_number": gettext_lazy("940 or Balady report number"),
    "transaction_number": gettext_lazy("transaction number"),
}
SUBJECTS: dict[str, str | Promise] = {
    "account": pgettext_lazy("trail", "channel account"),
    "answer": pgettext_lazy("trail", "answer to everybody"),
    "body": pgettext_lazy("trail", "body"),
    "broadcast": pgettext_lazy("trail", "broadcast"),
    "contact": pgettext_lazy("trail", "contact"),
    "canned_reply": pgettext_lazy("trail", "ready reply"),
    "conversation": pgettext_lazy("trail", "conversation"),
    "directive": pgettext_lazy("trail", "directive"),
    "field_report": pgettext_lazy("trail", "field report"),
    "export": pgettext_lazy("trail", "file for spreadsheets"),
    "invitation": pgettext_lazy("trail", "invitation"),
    "item": pgettext_lazy("trail", "task"),
    "journal": pgettext_lazy("trail", "journal entry"),
    "label": pgettext_lazy("trail", "label"),
    "letter": pgettext_lazy("trail", "letter"),
    "macro": pgettext_lazy("trail", "ready-made action"),
    "member": pgettext_lazy("trail", "member"),
    "mandates": pgettext_lazy("trail", "table of who may speak"),
    "need": pgettext_lazy("trail", "request of a need"),
    "need_form": pgettext_lazy("trail", "form of needs"),
    "booking": pgettext_lazy("trail", "booking"),
    "thing": pgettext_lazy("trail", "thing"),
    "message": pgettext_lazy("trail", "automatic message"),
    "journalist": pgettext_lazy("trail", "journalist"),
    "press_list": pgettext_lazy("trail", "list of journalists"),
    "project": pgettext_lazy("trail", "project of a contractor"),
    "contractor": pgettext_lazy("trail", "contractor"),
    "outside_body": pgettext_lazy("trail", "body outside"),
    "deadlines": pgettext_lazy("trail", "deadlines"),
    "story": pgettext_lazy("trail", "story for publication"),
    "sample": pgettext_lazy("trail", "sample of quality"),
    "routing_rule": pgettext_lazy("trail", "rule of routing"),
    "team": pgettext_lazy("trail", "team"),
    "template": pgettext_lazy("trail", "template"),
    "turn": pgettext_lazy("trail", "duty turn"),
}


# In an actor's label: a role that was worn for somebody else.
FOR_WHOM = re.compile(r" for ([0-9a-f-]{36})")


@dataclass(frozen=True)
class Line:
    """One entry, ready to be read."""

    entry: AuditEntry
    action: str
    actor: str
    subject: str
    details: str

    @property
    def reference(self) -> str:
        """The case's number, if it is about a case."""
        return self.entry.subject_key if self.entry.subject_type == "case" else ""

    @property
    def look(self) -> Hashable:
        """All that a row shows of it: as long as it is the same, the row is."""
        return (
            get_language(), self.entry.pk, self.entry.number, self.action, self.actor, self.subject,
            self.details,
        )  # fmt: skip

    @property
    def is_sealed(self) -> bool:
        return self.entry.number is not None


def in_words(entries: Iterable[AuditEntry]) -> list[Line]:
    """These entries as lines in the reader's language."""
    entries = list(entries)
    nodes = organisation.nodes().values() if entries else ()
    bodies = {node.key: node.short_name for node in nodes}
    # What an answer points to may be none of ours.
    if {entry.details.get("body", "") for entry in entries} - {"", *bodies}:
        bodies |= {body.key: body.short_name for body in OutsideBody.objects.all()}
    names = _names(entries)
    return [
        Line(
            entry=entry,
            action=str(ACTIONS.get(entry.action, entry.action)),
            actor=_actor(entry, names, bodies),
            subject=_subject(entry, names),
            details=_details(entry.details, names, bodies),
        )
        for entry in entries
    ]


def _names(entries: Iterable[AuditEntry]) -> dict[str, str]:
    """The members' names by their key: looked up now, since the trail itself holds no names."""
    keys = {entry.actor.removeprefix("member:") for entry in entries if "member:" in entry.actor}
    keys |= {entry.details["member"] for entry in entries if entry.details.get("member")}
    keys |= {entry.subject_key for entry in entries if entry.subject_type == "member"}
    keys |= {key for entry in entries for key in FOR_WHOM.findall(entry.actor_label)}
    wanted = [key for key in (uuid_in(str(key)) for key in keys) if key]
    members = _MEMBERS.rows(wanted) if wanted else []
    return {member.audit_key: member.name for member in members}


_MEMBERS = Prepared(lambda keys: Member.objects.filter(public_id__any_of=keys), list)


def _subject(entry: AuditEntry, names: Mapping[str, str]) -> str:
    """What kind of thing it is about; of a member also who it is."""
    kind = str(SUBJECTS.get(entry.subject_type, ""))
    name = names.get(f"member:{entry.subject_key}") if entry.subject_type == "member" else None
    return f"{kind} · {name}" if name else kind


def _actor(entry: AuditEntry, names: Mapping[str, str], bodies: Mapping[str, str]) -> str:
    """`responder@khobar` as «سارة القحطاني · مسؤول الردود، الخبر»."""
    label = entry.actor_label
    if label == "system":
        return _("Bayan itself")
    if label == "contact":
        return _("The person")
    if label == "link":
        return _("By a link")
    hats = [names[entry.actor]] if entry.actor in names else []
    for hat in label.split(", "):
        own, _for, lender = hat.partition(" for ")
        role, _at, body = own.partition("@")
        name = str(VALUES["role"].get(role, role))
        if body:
            name = _("%(role)s, %(body)s") % {"role": name, "body": bodies.get(body, body)}
        if lender:
            lent_by = names.get(f"member:{lender}") or _("somebody who is deleted")
            name = _("%(role)s, standing in for %(name)s") % {"role": name, "name": lent_by}
        hats.append(name)
    return " · ".join(hats)


def _details(
    details: Mapping[str, Any], names: Mapping[str, str], bodies: Mapping[str, str]
) -> str:
    way = ""
    if "from" in details and "to" in details:
        way = _("from %(origin)s to %(target)s") % {
            "origin": bodies.get(details["from"], details["from"]),
            "target": bodies.get(details["to"], details["to"]),
        }
    words = [way, _("“%(rule)s”") % {"rule": details["rule"]}] if "rule" in details else [way]
    if details.get("team"):
        words.append(_("“%(rule)s”") % {"rule": details["team"]})
    words += [
        str(words_of[details[key]])
        for key, words_of in VALUES.items()
        if isinstance(details.get(key), str | int) and details[key] in words_of
    ]
    if isinstance(details.get("fields"), list):
        # What the label is now is said already.
        words += [str(FIELDS[f]) for f in details["fields"] if f in FIELDS and f not in details]
    if details.get("matter"):
        words.append(grouped(details["matter"]))
    if "member" in details:
        member = details["member"]
        words.append(names.get(f"member:{member}", "") if member else _("nobody in particular"))
    if "count" in details:
        words.append(
            ngettext("%(count)s row", "%(count)s rows", details["count"])
            % {"count": details["count"]}
        )
    if details.get("body"):
        words.append(bodies.get(details["body"], details["body"]))
    if "node" in details:
        words.append(bodies.get(details["node"], details["node"]))
    if details.get("sha256"):
        words.append(f"{details.get('number', '')} SHA-256 {details['sha256'][:16]}…".strip())
    if "on" in details:
        words.append(_day_and_time(details["on"]))
    if "until" in details:
        words.append(_("until %(moment)s") % {"moment": _day_and_time(details["until"])})
    return " · ".join(filter(None, words))


def _day_and_time(moment: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(moment)), "DATETIME_FORMAT")
