from django.urls import path

from bayan.retention import views

app_name = "retention"
urlpatterns = [
    path("retention/", views.due, name="due"),
    path("retention/decide/", views.decide, name="decide"),
    path("retention/periods/", views.set_period, name="set_period"),
    path("retention/removals/<uuid:public_id>/stop/", views.stop, name="stop"),
    path("retention/<slug:what>/preview/", views.preview, name="preview"),
    path("retention/<slug:what>/start/", views.start, name="start"),
    path("retention/<slug:what>/<uuid:key>/", views.thing, name="thing"),
    path("retention/<slug:what>/<uuid:key>/hold/", views.hold, name="hold"),
    path("retention/<slug:what>/<uuid:key>/lift/", views.lift, name="lift"),
]
