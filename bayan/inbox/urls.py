from django.urls import path

from bayan.inbox import views

app_name = "inbox"
urlpatterns = [
    path("", views.conversations, name="conversations"),
    path("<uuid:public_id>/", views.conversation, name="conversation"),
    path("<uuid:public_id>/reply", views.reply, name="reply"),
    path("<uuid:public_id>/compose/<slug:kind>", views.compose, name="compose"),
    path("<uuid:public_id>/looked", views.looked, name="looked"),
    path("<uuid:public_id>/typing", views.typing, name="typing"),
    path("outgoing/<uuid:outgoing_id>", views.message, name="message"),
    path("messages/media/<uuid:public_id>", views.media, name="media"),
    path("messages/<uuid:public_id>/react", views.react, name="react"),
    path("messages/<uuid:public_id>/resend", views.resend, name="resend"),
    path("messages/<uuid:public_id>/withdraw", views.withdraw, name="withdraw"),
]
