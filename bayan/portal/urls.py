from django.urls import path

from bayan.portal import views

app_name = "portal"
urlpatterns = [
    path("", views.track, name="track"),
    path("feedback", views.feedback, name="feedback"),
    path("<str:reference>", views.case, name="case"),
    path("<str:reference>/send", views.send, name="send"),
    path("<str:reference>/code", views.code, name="code"),
    path("<str:reference>/rate", views.rate, name="rate"),
    path("<str:reference>/leave", views.leave, name="leave"),
]
