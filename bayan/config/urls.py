"""Every path of the staff's side and the public's. `/hooks/…` goes to the intake (config/asgi.py)."""

from allauth.account import views as accounts
from django.urls import include, path

from bayan.api.urls import api
from bayan.config import health
from bayan.desk.urls import (
    contacts_urls,
    field_urls,
    figures_urls,
    palette_urls,
    places_urls,
    situation_urls,
    today_urls,
)
from bayan.desk.views.brand import brand
from bayan.desk.views.styleguide import styleguide
from bayan.people.views import factor, me, signing

handler403 = "bayan.core.views.forbidden"
handler404 = "bayan.core.views.not_found"
handler500 = "bayan.core.views.failed"

urlpatterns = [
    path("", signing.home, name="home"),
    path("brand.css", brand, name="brand"),
    path("today/", include(today_urls)),
    path("situation/", include(situation_urls)),
    path("field/", include(field_urls)),
    path("figures/", include(figures_urls)),
    path("palette/", include(palette_urls)),
    path("inbox/", include("bayan.inbox.urls")),
    path("cases/", include("bayan.cases.urls")),
    path("meetings/", include("bayan.meetings.urls")),
    path("needs/", include("bayan.needs.urls")),
    path("contacts/", include(contacts_urls)),
    path("channels/", include("bayan.channels.urls")),
    path("places/", include(places_urls)),
    path("styleguide/", styleguide, name="styleguide"),
    path("track/", include("bayan.portal.urls")),
    path("journal/", include("bayan.intake.urls")),
    path("", include("bayan.correspondence.urls")),
    path("", include("bayan.work.urls")),
    path("", include("bayan.press.urls")),
    path("", include("bayan.retention.urls")),
    path("", include("bayan.mandates.urls")),
    path("", include("bayan.people.urls")),
    path("sign-in/", signing.sign_in, name="account_login"),
    # The step of allauth between password and door goes by this name.
    path("sign-in/code/", factor.at_sign_in, name="mfa_authenticate"),
    path("sign-out/", accounts.logout, name="account_logout"),
    path("language/", me.speak, name="set_language"),
    path("api/v1/", api.urls),
    path("open311/v2/", include("bayan.api.open311.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
