"""`/open311/v2/…`: each path as it is, and with .json or .xml behind it."""

from django.urls import re_path

from bayan.api.open311 import views

FORMAT = r"(?:\.(?P<extension>json|xml))?\Z"
app_name = "open311"
urlpatterns = [
    re_path(rf"^discovery{FORMAT}", views.discovery, name="discovery"),
    re_path(rf"^services{FORMAT}", views.services, name="services"),
    re_path(rf"^services/(?P<code>[^/.]+){FORMAT}", views.service, name="service"),
    re_path(rf"^requests{FORMAT}", views.requests, name="requests"),
    re_path(rf"^requests/(?P<name>[^/.]+){FORMAT}", views.request, name="request"),
    re_path(rf"^tokens/(?P<name>[^/.]+){FORMAT}", views.token, name="token"),
    re_path(rf"^.*?{FORMAT}", views.nothing, name="nothing"),
]
