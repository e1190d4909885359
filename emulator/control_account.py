"""What a test or the phone page may change about the account, and have the business told."""

import secrets
from typing import Any
from urllib.parse import urlencode

from emulator.account import NAME_STATUSES, NUMBER_QUALITIES, NUMBER_STATUSES, TIERS, Number
from emulator.asgi import BadRequest, Request, Response, json_response
from emulator.asked import number_of, object_of, one_of, text_of
from emulator.carrier import Carrier
from emulator.notices import NOTICES, preference
from emulator.post import NoAnswer, fetch
from emulator.template_rules import CATEGORIES
from emulator.templates import QUALITIES, REASONS, STATUSES

PREFERENCES = {"stop_marketing": "stop", "resume_marketing": "resume"}


class AccountControl:
    """Answers under `/_control/` about templates, numbers, credentials and notices."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def list_templates(self, _request: Request) -> Response:
        return json_response({"items": [each.to_json() for each in self._carrier.templates]})

    async def set_template(self, request: Request) -> Response:
        asked = object_of(request)
        templates = self._carrier.templates
        name, language = asked.get("name"), asked.get("language")
        chosen = [
            each
            for each in templates
            if each.id == asked.get("id")
            or (each.name == name and language in (None, each.language))
        ]
        if not chosen:
            raise BadRequest("Give the `id`, or the `name` and `language`, of a template.")
        status = one_of(asked, "status", STATUSES)
        quality = one_of(asked, "quality", QUALITIES)
        category = one_of(asked, "category", CATEGORIES)
        coming = one_of(asked, "coming_category", CATEGORIES)
        reason = one_of(asked, "reason", REASONS)
        for template in chosen:
            if quality:
                templates.set_quality(template, quality)
            if coming:
                templates.warn_of_category(template, coming)
            if category:
                templates.set_category(template, category)
            if status:
                templates.set_status(template, status, reason=reason or "INVALID_FORMAT")
        return json_response({"items": [each.to_json() for each in chosen]})

    async def numbers(self, _request: Request) -> Response:
        carrier = self._carrier
        items = [
            carrier.account.tell_of_number(number, carrier.per_s(number))
            | {"throughput_per_s": carrier.per_s(number)}
            for number in carrier.account.numbers.values()
        ]
        return json_response({"items": items})

    async def set_number(self, request: Request) -> Response:
        asked = object_of(request)
        account, number = self._carrier.account, own_number(self._carrier, asked, "id")
        changes = {
            "quality_rating": one_of(asked, "quality_rating", NUMBER_QUALITIES),
            "name_status": one_of(asked, "name_status", NAME_STATUSES),
            "status": one_of(asked, "status", NUMBER_STATUSES),
            "verified_name": text_of(asked, "verified_name"),
            "throughput_per_s": number_of(asked, "throughput_per_s", least=0),
        }
        account.tier = one_of(asked, "tier", TIERS) or account.tier
        for name, value in changes.items():
            if value is not None:
                setattr(number, name, value)
        return await self.numbers(request)

    async def credentials(self, _request: Request) -> Response:
        account = self._carrier.account
        tokens = [
            {"access_token": token, "expires_at": expires_at, "is_valid": account.is_valid(token)}
            for token, expires_at in account.tokens.items()
        ]
        return json_response({"tokens": tokens, "app_secret": account.app_secret})

    async def set_credentials(self, request: Request) -> Response:
        """One more token beside those there are, one revoked, another secret from now on."""
        asked = object_of(request)
        account = self._carrier.account
        token, revoked, secret = (
            text_of(asked, name) for name in ("access_token", "revoke", "app_secret")
        )
        expires_at = number_of(asked, "expires_at")
        if revoked is not None and revoked not in account.tokens:
            raise BadRequest("There is no such token to revoke.")
        if token is not None:
            account.tokens[token] = expires_at
        if revoked is not None:
            del account.tokens[revoked]
        if secret is not None:
            account.app_secret = secret
        return await self.credentials(request)

    async def handshake(self, request: Request) -> Response:
        """Ask the business to prove that the callback is its own; what came back."""
        settings = self._carrier.settings
        asked = object_of(request)
        challenge = str(secrets.randbelow(10**10))
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": text_of(asked, "verify_token") or settings.verify_token,
        }
        callback = text_of(asked, "callback") or settings.callback
        try:
            status, body = await fetch(f"{callback}?{urlencode(query)}")
        except NoAnswer as failure:
            return json_response({"verified": False, "status": None, "error": str(failure)})
        told = body.decode("utf-8", "replace")
        verified = (status, told) == (200, challenge)
        return json_response({"verified": verified, "status": status, "body": told})

    async def notice(self, request: Request) -> Response:
        """Tell the business about its account, in any words or in ready-made ones."""
        asked = object_of(request)
        name = one_of(asked, "notice", (*NOTICES, *PREFERENCES))
        number = own_number(self._carrier, asked, "number")
        now = self._carrier.world.clock.now()
        if name is None:
            field, value = asked.get("field"), asked.get("value")
            if not isinstance(field, str) or not isinstance(value, dict):
                raise BadRequest("Give `field` and `value`, or one of the `notice`s by its name.")
        elif name in PREFERENCES:
            person = self._carrier.world.find(str(asked.get("person")))
            if person is None:
                raise BadRequest("`person` is the phone number or the BSUID of somebody here.")
            field, value = preference(person, PREFERENCES[name], now)
        else:
            field, value = NOTICES[name](self._carrier.account, number, now)
        self._carrier.tell(field, value, number)
        return json_response({"field": field, "value": value})


def own_number(carrier: Carrier, asked: dict[str, Any], name: str) -> Number:
    """The number of the account that is asked for, or the first one."""
    given = asked.get(name)
    if given is None:
        return carrier.account.default_number
    number = carrier.account.number(given) if isinstance(given, str) else None
    if number is None:
        raise BadRequest(f"`{name}` is not a number of the account.")
    return number
