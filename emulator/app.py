"""The emulator as one ASGI application: provider, control and the phone page."""

import asyncio
import re

from emulator.asgi import (
    Headers,
    Receive,
    Request,
    Response,
    Router,
    Scope,
    Send,
    Stream,
    json_response,
    read_request,
    write_response,
    write_stream,
)
from emulator.carrier import Carrier
from emulator.control import Control
from emulator.control_account import AccountControl
from emulator.letters import Letters
from emulator.mail import Post
from emulator.management import Management
from emulator.media import LARGEST_FILE
from emulator.phone import Phone
from emulator.provider import Provider
from emulator.settings import Options, Settings
from emulator.sms import Gateways

SECURITY: Headers = [
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; "
            b"img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; "
            b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
NO_SNIFFING: Headers = [(b"x-content-type-options", b"nosniff")]
LARGEST_BODY = 4 * 1024 * 1024
# A file as it is, or in a form that adds a little to it.
LARGEST_UPLOAD = LARGEST_FILE + 64 * 1024


class Emulator:
    """The application; `stop` ends every open event stream."""

    def __init__(self, settings: Settings, options: Options | None = None) -> None:
        self.settings = settings
        self.options = options or Options()
        self.stopping = asyncio.Event()
        self.router = Router()

    def stop(self) -> None:
        self.stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.carrier = Carrier(self.settings, self.options)
        self.gateways = Gateways(self.settings, self.options)
        self.post = Post(self.settings)
        self._route()
        self.carrier.start()
        await self.post.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        await self.carrier.close()
        await self.gateways.close()
        await self.post.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _route(self) -> None:
        self._route_letters()
        self._route_provider()
        self._route_phone()
        self._route_control()
        self.router.add("GET", "/healthz", self._healthz)

    def _route_provider(self) -> None:
        add = self.router.add
        version = r"/v\d+\.\d+"
        provider = Provider(self.carrier)
        add("POST", version + r"/(?P<phone_number_id>[^/]+)/messages", provider.messages)
        add("POST", version + r"/(?P<phone_number_id>[^/]+)/media", provider.upload)
        add("GET", "/attachments/", provider.download)
        management = Management(self.carrier)
        templates = version + r"/(?P<account_id>[^/]+)/message_templates"
        add("GET", templates, management.list_templates)
        add("POST", templates, management.create_template)
        add("DELETE", templates, management.delete_templates)
        account = version + r"/(?P<account_id>[^/]+)"
        add("GET", account + "/phone_numbers", management.list_numbers)
        add("GET", account + "/flows", management.list_flows)
        add("GET", version + r"/(?P<flow_id>[^/]+)/assets", management.flow_assets)
        add("GET", r"/flows/(?P<flow_id>\d+)\.json", management.flow_json)
        add("GET", version + "/debug_token", management.debug_token)
        add("POST", version + r"/(?P<app_id>[^/]+)/uploads", management.begin_upload)
        add("POST", version + r"/upload:(?P<session>[^/]+)", management.finish_upload)
        add("GET", version + r"/(?P<object_id>[^/]+)", management.show)
        add("POST", version + r"/(?P<object_id>[^/]+)", management.change)
        add("DELETE", version + r"/(?P<object_id>[^/]+)", management.delete)
        for method in ("GET", "POST", "DELETE"):
            add(method, version + "/.*", provider.unknown)

    def _route_letters(self) -> None:
        add, gateways, post = self.router.add, self.gateways, self.post
        add("POST", "/rest/SMS/messages", gateways.unifonic_send)
        add("POST", "/rest/Account/GetBalance", gateways.unifonic_balance)
        add("POST", "/v1/messages", gateways.taqnyat_send)
        add("GET", "/account/balance", gateways.taqnyat_balance)
        add("GET", "/_control/sms", gateways.sent)
        add("DELETE", "/_control/sms", gateways.forget)
        add("POST", "/_control/sms/key", gateways.set_key)
        add("GET", "/_control/mail", post.letters)
        add("POST", "/_control/mail", post.write)
        add("DELETE", "/_control/mail", post.forget)
        for path, side in (("/_control/sms/faults", gateways), ("/_control/mail/faults", post)):
            add("GET", path, side.list_faults)
            add("POST", path, side.add_fault)
            add("DELETE", path, side.clear_faults)
        letters = Letters(gateways, post)
        add("GET", "/sms", letters.sms)
        add("GET", "/mail", letters.mail)
        add("POST", "/sms", letters.trouble_sms)
        add("POST", "/mail", letters.trouble_mail)

    def _route_phone(self) -> None:
        add = self.router.add
        phone = Phone(self.carrier)
        add("GET", "/", phone.page)
        add("GET", r"/static/(?P<name>[\w./-]+)", phone.static)
        add("GET", "/_phone/events", phone.events)
        add("POST", "/_phone/read", phone.read)
        add("POST", "/_phone/media", phone.attach)
        add("GET", r"/_phone/media/(?P<media_id>\d+)", phone.media)
        add("GET", r"/_phone/flows/(?P<flow_id>\w+)", phone.flow)

    def _route_control(self) -> None:
        add = self.router.add
        control = Control(self.carrier)
        add("GET", "/_control/sent", control.sent)
        add("DELETE", "/_control/sent", control.forget_sent)
        add("GET", "/_control/refused", control.refused)
        add("GET", "/_control/usage", control.usage)
        add("POST", "/_control/messages", control.write)
        add("GET", "/_control/people", control.people)
        add("POST", "/_control/people", control.add_person)
        add("GET", "/_control/faults", control.faults)
        add("POST", "/_control/faults", control.add_fault)
        add("DELETE", "/_control/faults", control.clear_faults)
        add("GET", "/_control/clock", control.clock)
        add("POST", "/_control/clock", control.set_clock)
        add("GET", "/_control/options", control.get_options)
        add("POST", "/_control/options", control.set_options)
        add("GET", "/_control/webhooks", control.webhooks)
        account = AccountControl(self.carrier)
        add("GET", "/_control/templates", account.list_templates)
        add("POST", "/_control/templates", account.set_template)
        add("GET", "/_control/numbers", account.numbers)
        add("POST", "/_control/numbers", account.set_number)
        add("GET", "/_control/credentials", account.credentials)
        add("POST", "/_control/credentials", account.set_credentials)
        add("POST", "/_control/handshake", account.handshake)
        add("POST", "/_control/notices", account.notice)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        takes_files = re.search(r"/media$|/upload:", scope["path"])
        most = LARGEST_UPLOAD if takes_files else LARGEST_BODY
        request = await read_request(scope, receive, most=most)
        if request is None:
            too_large = json_response({"error": f"The body is over {most} bytes."}, 413)
            await write_response(too_large, send, extra=SECURITY)
            return
        if _comes_from_elsewhere(request):
            refusal = json_response({"error": "Another site's page may not write here."}, 403)
            await write_response(refusal, send, extra=SECURITY)
            return
        answer = await self.router.answer(request)
        if isinstance(answer, Response) and answer.is_cut:
            await _cut(receive, send)
        elif isinstance(answer, Stream):
            await self._stream(answer, receive, send)
        else:
            if request.method == "HEAD":
                answer.body = b""
            # What brings headers of its own, or is no page, needs not all of those of a page.
            is_page = answer.content_type != "application/json" and not answer.headers
            await write_response(answer, send, extra=SECURITY if is_page else NO_SNIFFING)

    async def _stream(self, stream: Stream, receive: Receive, send: Send) -> None:
        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                continue

        tasks = [
            asyncio.create_task(write_stream(stream, send, extra=SECURITY)),
            asyncio.create_task(until_gone()),
            asyncio.create_task(self.stopping.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok"})


async def _cut(receive: Receive, send: Send) -> None:
    # ASGI knows no way to break off: the connection of the server itself is closed.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            continue


def _comes_from_elsewhere(request: Request) -> bool:
    """Whether a page of another site, open in the same browser, makes this change."""
    origin = request.headers.get(b"origin")
    if request.method in ("GET", "HEAD") or origin is None:
        return False
    return origin.rpartition(b"//")[2] != request.headers.get(b"host")
