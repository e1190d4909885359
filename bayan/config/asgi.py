"""The web process: `/hooks/…` to the intake, everything else to Django, in one process."""

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from bayan.core.live import hub  # noqa: E402
from bayan.intake import asgi as intake  # noqa: E402

pages = ServeStaticASGI(
    ASGIHandler(),
    root=settings.STATIC_ROOT,
    prefix=settings.STATIC_URL,
    # Names carry a hash of their content.
    max_age=365 * 24 * 60 * 60,
)


async def application(scope: intake.Scope, receive: intake.Receive, send: intake.Send) -> None:
    """What uvicorn runs."""
    if scope["type"] == "lifespan":
        await intake.lifespan(receive, send, on_stop=hub.close)
    elif scope["path"].startswith("/hooks/"):
        await intake.application(scope, receive, send)
    else:
        await pages(scope, receive, send)
