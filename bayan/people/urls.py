from django.urls import path

from bayan.people.views import live, me, members, signing, trail

app_name = "people"
urlpatterns = [
    path("demo/sign-in/<uuid:public_id>", signing.demo_sign_in, name="demo_sign_in"),
    path("me/", me.me, name="me"),
    path("people/", members.members, name="members"),
    path("people/members.csv", members.members_csv, name="members_csv"),
    path("people/<uuid:public_id>/", members.member, name="member"),
    path("people/<uuid:public_id>/roles", members.give_role, name="give_role"),
    path("people/<uuid:public_id>/roles/<int:role_id>/end", members.end_role, name="end_role"),
    path("people/<uuid:public_id>/off", members.switch_off, name="switch_off"),
    path("people/<uuid:public_id>/on", members.switch_on, name="switch_on"),
    path("audit/", trail.trail, name="trail"),
    path("live", live.live, name="live"),
]
