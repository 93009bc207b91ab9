"""Call an address that somebody else named, without being led to a machine of ours.

A name is resolved once, every address it has must be on the public internet, and the connection goes to the very
address that was looked at: what the name means a moment later (rebinding) changes nothing. Redirects are not followed,
proxies of the environment not used, cookies not kept; an answer is read up to a limit and thrown away.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import httpx2

from holdfast.kit.errors import Invalid

URL_CHARACTERS_MAX = 500
ANSWER_BYTES_MAX = 65_536
PORTS = frozenset({443, 8443})
_PORT_MAX = 65_535
_SECONDS = 10.0
_CONNECT_SECONDS = 4.0
_READING_SECONDS = 1.0
_ADDRESSES_MAX = 3
_HEADER_CHARACTERS_MAX = 200

#: What is wrong with an address that was named.
Refusal: TypeAlias = Literal["malformed", "https_only", "holds_credentials", "port", "private_address"]
#: Why nothing was answered.
Reason: TypeAlias = Literal[
    "address_refused", "name_not_found", "connection_failed", "tls_failed", "timeout", "broken_answer"
]
#: (name, port) -> its addresses; OSError where it has none.
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Of IPv4, what is nobody's public address (IANA, special-purpose registry); multicast and above from 224 on.
_PRIVATE_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
#: Of IPv6 only this is given to networks; loopback, link-local, unique local, multicast, IPv4-mapped and NAT64
#: addresses lie outside of it, and what wraps an IPv4 address (Teredo, 6to4) or documents is taken out again.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_PRIVATE_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_OF_THIS_NETWORK = (".localhost", ".local", ".internal", ".home.arpa")


@dataclass(eq=False)
class UrlRefused(Invalid):
    """This address cannot be called ({reason}): name an https:// address on the public internet."""

    reason: Refusal


class NotAnsweredError(Exception):
    """The call came to nothing; whether it was heard is unknown unless the connection failed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back. `retry_after`: the header as it was sent, cut short."""

    status: int
    retry_after: str | None


async def resolve(name: str, port: int) -> Sequence[str]:
    """What this machine's resolver says, each address once."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls are made. `are_private_allowed`: plain http, any port and private addresses too, for trying out."""

    are_private_allowed: bool = False
    resolve: Resolve = resolve
    #: certificates that are believed; None: those of public authorities
    trust: ssl.SSLContext | None = None
    seconds: float = field(default=_SECONDS)


def check_url(text: str, calls: Calls) -> str:
    """The address in the form in which it is called. UrlRefused. What its name means is looked at with each call."""
    url, name = _parsed(text, calls)
    literal = _literal(name)
    is_private = name.endswith(_OF_THIS_NETWORK) or "." not in name if literal is None else not is_public(literal)
    if is_private and not calls.are_private_allowed:
        raise UrlRefused("private_address")
    if len(str(url)) > URL_CHARACTERS_MAX:  # longer once it is escaped
        raise UrlRefused("malformed")
    return str(url)


def origin_of(url: str) -> str:
    """Scheme, name and port of an address that was checked: what may be shown of it to anybody."""
    parsed = httpx2.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


async def post(text: str, *, body: bytes, headers: Mapping[str, str], calls: Calls) -> Answered:
    """Send it, once, and wait for the status. NotAnsweredError; UrlRefused where the address is not called at all."""
    url, name = _parsed(text, calls)
    try:
        async with asyncio.timeout(calls.seconds):
            addresses = await _addresses(url, name, calls)
            return await _first_answer(url, name, addresses, body=body, headers=headers, calls=calls)
    except TimeoutError:
        raise NotAnsweredError("timeout") from None


def is_public(address: _Address) -> bool:
    """An address of the public internet: nothing of a machine, a network or a protocol of its own."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _PRIVATE_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _PRIVATE_V6)


def _parsed(text: str, calls: Calls) -> tuple[httpx2.URL, str]:
    """One parser decides and calls, so that nobody can mean two addresses by one text."""
    try:
        url = httpx2.URL(text)
        name = url.raw_host.decode("ascii").rstrip(".").lower()
    except (httpx2.InvalidURL, ValueError):
        raise UrlRefused("malformed") from None
    is_written_well = len(text) <= URL_CHARACTERS_MAX and text.isprintable() and not set(text) & {" ", "\\"}
    is_port = url.port is None or 0 < url.port <= _PORT_MAX
    if not (is_written_well and is_port and name) or url.fragment or "%" in name or _is_odd_number(name):
        raise UrlRefused("malformed")
    if url.userinfo:
        raise UrlRefused("holds_credentials")
    if url.scheme != "https" and not (url.scheme == "http" and calls.are_private_allowed):
        raise UrlRefused("https_only")
    if (url.port or 443) not in PORTS and not calls.are_private_allowed:
        raise UrlRefused("port")
    return url, name


def _is_odd_number(name: str) -> bool:
    """`2130706433`, `0x7f.1`, `0177.0.0.1`: a resolver may read these as addresses, an honest name ends otherwise."""
    if _literal(name) is not None:
        return False
    last = name.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _literal(name: str) -> _Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


async def _addresses(url: httpx2.URL, name: str, calls: Calls) -> list[str]:
    literal = _literal(name)
    if literal is not None:
        found = [name]
    else:
        try:
            found = list(await calls.resolve(name, url.port or (443 if url.scheme == "https" else 80)))
        except (OSError, UnicodeError):
            raise NotAnsweredError("name_not_found") from None
    if not found:
        raise NotAnsweredError("name_not_found")
    if not calls.are_private_allowed and not all(_is_public_text(address) for address in found):
        raise NotAnsweredError("address_refused")  # one of them is enough: who answers so is not to be trusted
    return found[:_ADDRESSES_MAX]


def _is_public_text(address: str) -> bool:
    literal = _literal(address)
    return literal is not None and is_public(literal)


async def _first_answer(
    url: httpx2.URL,
    name: str,
    addresses: Sequence[str],
    *,
    body: bytes,
    headers: Mapping[str, str],
    calls: Calls,
) -> Answered:
    """From the first address that takes the connection; after that nothing is tried again, it may have been heard."""
    for address in addresses[:-1]:
        try:
            return await _answer(url, name, address, body=body, headers=headers, calls=calls)
        except NotAnsweredError as error:
            if error.reason != "connection_failed":
                raise
    return await _answer(url, name, addresses[-1], body=body, headers=headers, calls=calls)


async def _answer(
    url: httpx2.URL, name: str, address: str, *, body: bytes, headers: Mapping[str, str], calls: Calls
) -> Answered:
    request = httpx2.Request(
        "POST",
        url.copy_with(host=address),
        headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers},
        content=body,
        extensions={
            "sni_hostname": name,
            "timeout": {
                "connect": min(_CONNECT_SECONDS, calls.seconds),
                "read": calls.seconds,
                "write": calls.seconds,
                "pool": calls.seconds,
            },
        },
    )
    transport = httpx2.AsyncHTTPTransport(verify=calls.trust or _public_authorities(), trust_env=False)
    try:
        async with transport:
            response = await transport.handle_async_request(request)
            await _read_some(response)
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise NotAnsweredError("tls_failed" if _is_tls(error) else "connection_failed") from None
    except httpx2.TimeoutException:
        raise NotAnsweredError("timeout") from None
    except httpx2.HTTPError:
        raise NotAnsweredError("broken_answer") from None
    retry_after = response.headers.get("retry-after")
    return Answered(response.status_code, retry_after[:_HEADER_CHARACTERS_MAX] if retry_after else None)


async def _read_some(response: httpx2.Response) -> None:
    """Politely, but no more than the limit; the status stands already, so what breaks here changes nothing."""
    count = 0
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(_READING_SECONDS):
            async for part in response.aiter_raw():
                count += len(part)
                if count > ANSWER_BYTES_MAX:
                    break
    await response.aclose()


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


@functools.cache
def _public_authorities() -> ssl.SSLContext:
    """Read once: it takes longer than many a call."""
    return httpx2.create_ssl_context(trust_env=False)
