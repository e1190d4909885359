from django.urls import path

from bayan.meetings.views import meetings, minutes, polls

app_name = "meetings"
urlpatterns = [
    path("", meetings.meetings, name="meetings"),
    path("new/", meetings.new, name="new_meeting"),
    path("decisions/", minutes.decisions, name="decisions"),
    path("decisions.csv", minutes.decisions_export, name="decisions_export"),
    path("decisions/<uuid:public_id>/drop/", minutes.drop_decision, name="drop_decision"),
    path("agenda/<uuid:public_id>/file/", meetings.agenda_file, name="agenda_file"),
    path("polls/", polls.polls, name="polls"),
    path("polls/export/", polls.export, name="polls_export"),
    path("polls/new/", polls.new, name="new_poll"),
    path("polls/<uuid:public_id>/", polls.poll, name="poll"),
    path("polls/<uuid:public_id>/edit/", polls.edit, name="edit_poll"),
    path("polls/<uuid:public_id>/send/", polls.send, name="send_poll"),
    path("polls/<uuid:public_id>/vote/", polls.vote, name="vote"),
    path("polls/<uuid:public_id>/close/", polls.close, name="close_poll"),
    path("polls/<uuid:public_id>/cancel/", polls.cancel, name="cancel_poll"),
    path("polls/<uuid:public_id>/copy/", polls.copy, name="copy_poll"),
    path("polls/<uuid:public_id>/delete/", polls.delete, name="delete_poll"),
    path("polls/<uuid:public_id>/votes.csv", polls.votes_export, name="votes_export"),
    path("<uuid:public_id>/", meetings.meeting, name="meeting"),
    path("<uuid:public_id>/edit/", meetings.edit, name="edit_meeting"),
    path("<uuid:public_id>/call/", meetings.call, name="call_meeting"),
    path("<uuid:public_id>/answer/", meetings.answer, name="answer"),
    path("<uuid:public_id>/cancel/", meetings.cancel, name="cancel_meeting"),
    path("<uuid:public_id>/delete/", meetings.delete, name="delete_meeting"),
    path("<uuid:public_id>/next/", meetings.next_one, name="next_meeting"),
    path("<uuid:public_id>/calendar.ics", meetings.calendar, name="calendar"),
    path("<uuid:public_id>/minutes/", minutes.write, name="minutes"),
    path("<uuid:public_id>/minutes/decide/", minutes.add_decision, name="add_decision"),
    path("<uuid:public_id>/minutes/submit/", minutes.submit, name="submit_minutes"),
    path("<uuid:public_id>/minutes/approve/", minutes.approve, name="approve_minutes"),
    path("<uuid:public_id>/minutes/take-back/", minutes.take_back, name="take_back_minutes"),
    path("<uuid:public_id>/minutes.pdf", minutes.as_document, name="minutes_document"),
]
