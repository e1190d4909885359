from django.urls import path

from bayan.inbox.views import conversations, macros, organising

app_name = "inbox"
urlpatterns = [
    path("", conversations.conversations, name="conversations"),
    path("conversations.csv", conversations.export, name="export"),
    path("choices", organising.choices, name="choices"),
    path("act", organising.act, name="act"),
    path("views/save", organising.save_view, name="save_view"),
    path("views/<uuid:public_id>/delete", organising.delete_view, name="delete_view"),
    path("settings/", organising.settings, name="settings"),
    path("settings/labels", organising.save_label, name="save_label"),
    path("settings/labels/<uuid:public_id>/delete", organising.delete_label, name="delete_label"),
    path("settings/replies", organising.save_reply, name="save_reply"),
    path("settings/replies/<uuid:public_id>/delete", organising.delete_reply, name="delete_reply"),
    path("settings/actions", macros.save_macro, name="save_macro"),
    path("settings/actions/<uuid:public_id>/delete", macros.delete_macro, name="delete_macro"),
    path("<uuid:public_id>/", conversations.conversation, name="conversation"),
    path("<uuid:public_id>/reply", conversations.reply, name="reply"),
    path("<uuid:public_id>/compose/<slug:kind>", conversations.compose, name="compose"),
    path("<uuid:public_id>/looked", conversations.looked, name="looked"),
    path("<uuid:public_id>/typing", conversations.typing, name="typing"),
    path("<uuid:public_id>/print", conversations.printed, name="print"),
    path("<uuid:public_id>/messages.csv", conversations.export_messages, name="export_messages"),
    path("<uuid:public_id>/files", conversations.gallery, name="gallery"),
    path("<uuid:public_id>/presence", organising.presence, name="presence"),
    path("<uuid:public_id>/acts", organising.hand, name="acts"),
    path("<uuid:public_id>/ready", organising.ready, name="ready"),
    path("<uuid:public_id>/notes", organising.note, name="note"),
    path("notes/<uuid:public_id>/delete", organising.delete_note, name="delete_note"),
    path("outgoing/<uuid:outgoing_id>", conversations.message, name="message"),
    path("messages/media/<uuid:public_id>", conversations.media, name="media"),
    path("messages/<uuid:public_id>/react", conversations.react, name="react"),
    path("messages/<uuid:public_id>/resend", conversations.resend, name="resend"),
    path("messages/<uuid:public_id>/withdraw", conversations.withdraw, name="withdraw"),
]
