from django.urls import path

from bayan.intake import views

app_name = "intake"
urlpatterns = [
    path("", views.set_aside, name="set_aside"),
    path("<int:entry_id>/replay", views.replay, name="replay"),
]
