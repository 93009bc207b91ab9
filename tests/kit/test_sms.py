"""SMS through a provider that is a real HTTP application."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from holdfast.kit.ids import new_id
from holdfast.kit.letters import ByChannel, Letter, LetterNotSent, LetterRefused, MemorySender
from holdfast.kit.sms import SmsSender
from tests.gateways.sandbox.serving import serving
from tests.kit import post_office

SECRET = "Canary-of-the-sms-9"


@dataclass
class Provider:
    url: str = ""
    status: int = 202
    got: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.json()))
        return Response(status_code=self.status)

    async def elsewhere(self, _: Request) -> Response:
        return RedirectResponse("/send", 307)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/send", self.take, methods=["POST"]),
                Route("/elsewhere", self.elsewhere, methods=["POST"]),
            ]
        )


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    async with serving(provider.app()) as url:
        provider.url = url
        yield provider


def sms() -> Letter:
    bare = {"channel": "sms", "to": "+201012345678", "html": None, "attachments": (), "text": "رمزك هو 123456"}
    return post_office.letter(id=new_id(), **bare)


async def test_an_sms_is_one_post_with_its_secret_and_its_key(provider: Provider) -> None:
    sent = sms()

    await SmsSender(f"{provider.url}/send", SECRET).send(sent)

    [(headers, body)] = provider.got
    assert body == {"id": str(sent.id), "to": "+201012345678", "text": "رمزك هو 123456"}
    assert (headers["authorization"], headers["idempotency-key"]) == (f"Bearer {SECRET}", str(sent.id))


@pytest.mark.parametrize("status", [400, 410, 422])
async def test_a_message_that_is_refused_is_not_tried_again(provider: Provider, status: int) -> None:
    provider.status = status

    with pytest.raises(LetterRefused) as refusal:
        await SmsSender(f"{provider.url}/send", SECRET).send(sms())

    assert refusal.value.why == f"HTTP {status}"


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
async def test_what_says_nothing_of_the_message_is_tried_again(provider: Provider, status: int) -> None:
    provider.status = status

    with pytest.raises(LetterNotSent) as failure:
        await SmsSender(f"{provider.url}/send", SECRET).send(sms())

    assert failure.value.why == f"HTTP {status}"
    assert "+2010" not in str(failure.value)
    assert SECRET not in repr(SmsSender(provider.url, SECRET))


async def test_the_secret_follows_no_redirect(provider: Provider) -> None:
    with pytest.raises(LetterNotSent):
        await SmsSender(f"{provider.url}/elsewhere", SECRET).send(sms())

    assert provider.got == []


async def test_a_provider_that_is_away_is_tried_again() -> None:
    with pytest.raises(LetterNotSent):
        await SmsSender("http://127.0.0.1:9/send", SECRET).send(sms())


async def test_e_mails_and_sms_go_their_own_ways() -> None:
    email, phone = MemorySender(), MemorySender()
    sender = ByChannel(email=email, sms=phone)

    await sender.send(post_office.letter(id=new_id()))
    await sender.send(sms())

    assert [letter.channel for letter in email.letters] == ["email"]
    assert [letter.channel for letter in phone.letters] == ["sms"]
