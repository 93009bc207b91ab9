"""The customer's side of the bank: its hosted page, what it is told to do wrong, and its own books."""

import html.parser
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin
from uuid import UUID

import httpx2

from tests.journeys.calls import Json, eventually, told

GOOD_CARD = "4242 4242 4242 4242"
BAD_CARD = "4000 0000 0000 0002"
LATE_CARD = "4000 0000 0000 0069"
#: (payment or refund, its id with us, amount in the major unit, currency)
Entry = tuple[str, UUID, str, str]


@dataclass
class Bank:
    """The sandbox, by its API (`api`) and by its pages (`browser`)."""

    api: httpx2.AsyncClient
    browser: httpx2.AsyncClient

    async def pay(self, payment: Json, *, card: str = GOOD_CARD, action: str = "pay") -> httpx2.Response:
        """Fill in the form of the hosted page, as a browser would, and send it."""
        url = payment["payment_url"]
        page = await self.browser.get(url)
        assert page.status_code == 200, page.text
        form = _FormReader.read(page.text)
        assert {"card", "action"} <= form.fields
        return await self.browser.post(urljoin(url, form.action), data={"card": card, "action": action})

    async def simulate(self, payment: Json, outcome: str) -> None:
        """Let the bank decide by itself, whatever the customer does."""
        told(await self.api.post(f"/v1/simulate/{payment['session_id']}", json={"outcome": outcome}))

    async def tell(self, **faults: object) -> None:
        """What it is to do wrong from now on."""
        told(await self.api.post("/v1/faults", json=faults))

    async def calm(self) -> None:
        """Behave again; what was held back leaves. Its clock stays where it is."""
        quiet: Json = {"duplicate": 0, "delay_seconds": 0, "reorder": 0, "lose": 0, "hold": False, "decline": 0}
        await self.tell(**quiet, refund_failures=0, complete_before_answer=0, capture=None, api=[])

    async def webhooks(self, payment: Json) -> list[Json]:
        """What it has told of a payment or means to, newest first."""
        answer = await self.api.get("/v1/webhooks", params={"reference": payment["session_id"]})
        return cast("list[Json]", told(answer)["webhooks"])

    async def send(self, payment: Json) -> None:
        """Let what was held back of one payment leave, and nothing else."""
        for event in await self.webhooks(payment):
            told(await self.api.post(f"/v1/webhooks/{event['event_id']}/send"), 202)

    async def delivered(self, payment: Json) -> None:
        """Return once every webhook of this payment was taken by the platform."""

        async def look() -> bool:
            sent = await self.webhooks(payment)
            return bool(sent) and all(each["state"] == "delivered" for each in sent)

        await eventually(look, "the webhooks are delivered")

    async def books(self) -> set[Entry]:
        """Every movement of money, once each."""
        entries: set[Entry] = set()
        after: int | None = 0
        while after is not None:
            page = told(await self.api.get("/v1/books", params={"after": after}))
            for entry in page["entries"]:
                kind = "payment" if entry["kind"] == "capture" else "refund"
                movement = (kind, UUID(entry["key"][:36]), entry["amount"], entry["currency"])
                assert movement not in entries, "money moved twice"
                entries.add(movement)
            after = page["next"]
        return entries


class _FormReader(html.parser.HTMLParser):
    """The one form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.method, self.action, self.fields = "", "", set[str]()

    @classmethod
    def read(cls, page: str) -> "_FormReader":
        reader = cls()
        reader.feed(page)
        assert reader.method == "post"
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self.method, self.action = said.get("method") or "", said.get("action") or ""
        if tag in {"input", "button"} and said.get("name"):
            self.fields.add(said["name"] or "")
