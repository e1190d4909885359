from django.urls import path

from bayan.retention import views

app_name = "retention"
urlpatterns = [
    path("retention/", views.due, name="due"),
    path("retention/decide/", views.decide, name="decide"),
    path("retention/<slug:what>/<uuid:key>/", views.thing, name="thing"),
    path("retention/<slug:what>/<uuid:key>/hold/", views.hold, name="hold"),
    path("retention/<slug:what>/<uuid:key>/lift/", views.lift, name="lift"),
]
