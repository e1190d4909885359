"""The web process: `/hooks/…` to the intake, everything else to Django, in one process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from typing import IO, Any

import django

django.setup(set_prefix=False)

from asgiref.sync import sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core import signals  # noqa: E402
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, get_script_prefix  # noqa: E402
from django.http import HttpResponseBase  # noqa: E402
from django.urls import set_script_prefix  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from bayan.core.live import hub  # noqa: E402
from bayan.intake import asgi as intake  # noqa: E402

# More would only contend for the interpreter: a page is three parts Python and one part PostgreSQL.
THREADS = 4


class Pages(ASGIHandler):
    """Django, each request in one thread from its first middleware to its last.

    Django's own handler takes the request to a new thread, its view back to the loop and to the thread again,
    with a new connection to the database: a third of what a page cost. Only what streams goes on in the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        # They keep their connections to the database.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            response = await asyncio.get_running_loop().run_in_executor(
                self._threads, copy_context().run, self._answer, scope, body
            )
            if not response.streaming:
                await self.send_response(response, send)
                return
            try:
                async with asyncio.TaskGroup() as both:
                    listening = both.create_task(self.listen_for_disconnect(receive))
                    await self.send_response(response, send)
                    listening.cancel()
            except* RequestAborted:
                pass
            finally:
                await sync_to_async(response.close)()

    def _answer(self, scope: intake.Scope, body: IO[bytes]) -> Any:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: HttpResponseBase | None = (
            refusal if request is None else self.get_response(request)
        )
        if response is not None and not response.streaming:
            # Its content is whole; what it held open is given back by the thread that opened it.
            response.close()
        return response


pages = ServeStaticASGI(
    Pages(),
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
