"""Send SMS through a provider's HTTP interface: one POST of JSON with a bearer secret."""

import functools
import ssl
from dataclasses import dataclass, field

import httpx2

from holdfast.kit.letters import Letter, LetterNotSent, LetterRefused

SECONDS_MAX = 15.0
#: Refusals that say something of us or of the moment rather than of this message.
_NOT_OF_THE_MESSAGE = {401, 402, 403, 404, 407, 408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class SmsSender:
    """POSTs {id, to, text} to `url`; any 2xx means that it was taken.

    The id also stands in Idempotency-Key, the same for a repeat, so that the provider can send it once.
    """

    url: str
    secret: str = field(repr=False)
    seconds_max: float = SECONDS_MAX

    async def send(self, letter: Letter) -> None:
        """LetterRefused where the provider will never take this message; LetterNotSent for all else."""
        headers = {"Authorization": f"Bearer {self.secret}", "Idempotency-Key": str(letter.id)}
        body = {"id": str(letter.id), "to": letter.to, "text": letter.text}
        try:
            client = httpx2.AsyncClient(timeout=self.seconds_max, verify=_trust(), follow_redirects=False)
            async with client:
                answer = await client.post(self.url, json=body, headers=headers)
        except httpx2.HTTPError as failed:
            raise LetterNotSent(type(failed).__name__) from None
        if answer.is_success:
            return
        why = f"HTTP {answer.status_code}"
        if answer.is_client_error and answer.status_code not in _NOT_OF_THE_MESSAGE:
            raise LetterRefused(why)
        raise LetterNotSent(why)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Whom to believe, read once: reading takes longer than a call, and nothing else moves meanwhile."""
    return httpx2.create_ssl_context()
