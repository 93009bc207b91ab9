"""Calls to addresses that strangers named: nobody leads them to a machine of ours."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.kit.outgoing import Answered, Calls, NotAnsweredError, UrlRefused, check_url, is_public, origin_of, post

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - nobody binds to it
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"]


class Names:
    """A resolver: says what it is told, one answer after the other, and remembers what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked.append((name, port))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Heard:
    """What a receiver got, and what it says to all of it."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.port = 0


@asynccontextmanager
async def receiver(answer: bytes, *, tls: ssl.SSLContext | None = None, endless: bytes = b"") -> AsyncIterator[Heard]:
    heard = Heard(answer)

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        heard.requests.append(head + await reader.readexactly(length))
        try:
            writer.write(heard.answer)
            while endless:
                writer.write(endless)
                await writer.drain()
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=tls)
    heard.port = server.sockets[0].getsockname()[1]
    async with server:
        yield heard


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def here(**options: object) -> Calls:
    return Calls(are_private_allowed=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example/", "https_only"),
        ("ftp://hooks.example/", "https_only"),
        ("//hooks.example/", "https_only"),
        ("hooks.example", "malformed"),
        ("https://", "malformed"),
        ("https:///path", "malformed"),
        ("https://user:word@hooks.example/", "holds_credentials"),
        ("https://hooks.example@127.0.0.1/", "holds_credentials"),
        ("https://good.example\\@evil.example/", "malformed"),
        ("https://hooks.example/#part", "malformed"),
        ("https://hooks.example/a b", "malformed"),
        ("https://hooks.example/\n", "malformed"),
        ("https://hooks.example:22/", "port"),
        ("https://hooks.example:80/", "port"),
        ("https://hooks.example:70000/", "malformed"),
        ("https://2130706433/", "malformed"),
        ("https://0x7f000001/", "malformed"),
        ("https://0x7f.1/", "malformed"),
        ("https://127.1/", "malformed"),
        ("https://0177.0.0.1/", "malformed"),
        ("https://127.0.0.1./", "private_address"),
        ("https://①②⑦.⓪.⓪.①/", "malformed"),
        ("https://%31%32%37.0.0.1/", "malformed"),
        ("https://[fe80::1%25lo]/", "malformed"),
        ("https://localhost/", "private_address"),
        ("https://printer/", "private_address"),
        ("https://database.internal/", "private_address"),
        ("https://a.localhost/", "private_address"),
        ("https://" + "a" * 500 + ".example/", "malformed"),
        ("https://hooks.example/" + "é" * 200, "malformed"),
        *(
            (f"https://{text if ':' not in text else f'[{text}]'}/", "private_address")
            for text in PRIVATE[:-2]
            if "%" not in text
        ),
    ],
)
def test_what_leads_elsewhere_than_to_the_public_internet_is_refused(url: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as refusal:
        check_url(url, Calls())

    assert refusal.value.reason == reason


def test_what_is_named_well_is_called_as_it_was_read() -> None:
    assert check_url("https://hooks.example/a?b=1", Calls()) == "https://hooks.example/a?b=1"
    assert check_url("https://HOOKS.example:8443", Calls()) == "https://hooks.example:8443"
    assert check_url("https://hooks.éxample/ü", Calls()) == "https://hooks.xn--xample-9ua/%C3%BC"
    assert check_url("https://8.8.8.8/", Calls()) == "https://8.8.8.8/"
    assert check_url("http://127.0.0.1:9000/x", here()) == "http://127.0.0.1:9000/x"
    assert origin_of("https://hooks.example:8443/token-of-mine?x=1") == "https://hooks.example:8443"


def test_only_addresses_of_the_public_internet_are_public() -> None:
    assert [text for text in PRIVATE if is_public(ipaddress.ip_address(text))] == []
    assert [text for text in PUBLIC if not is_public(ipaddress.ip_address(text))] == []


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_means_a_private_address_is_not_called(address: str) -> None:
    with pytest.raises(NotAnsweredError) as refusal:
        await post("https://hooks.example/", body=b"{}", headers={}, calls=Calls(resolve=Names([address])))

    assert refusal.value.reason == "address_refused"


async def test_one_private_address_among_many_is_enough() -> None:
    names = Names(["8.8.8.8", "2606:4700::1111", "10.0.0.1"])

    with pytest.raises(NotAnsweredError) as refusal:
        await post("https://hooks.example/", body=b"{}", headers={}, calls=Calls(resolve=names))

    assert refusal.value.reason == "address_refused"


async def test_the_connection_goes_to_the_address_that_was_looked_at_whatever_the_name_means_later() -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])  # a moment later the name means this machine

    guard = pytest.RaisesExc(Exception, match=r"reaches for 8\.8\.8\.8")  # of the tests: the call itself went there
    with pytest.RaisesGroup(guard, flatten_subgroups=True):
        await post("https://hooks.example/", body=b"{}", headers={}, calls=Calls(resolve=names))

    assert names.asked == [("hooks.example", 443)]


async def test_the_receiver_is_called_by_its_name_at_the_address_that_was_found() -> None:
    names = Names(["127.0.0.1"])
    async with receiver(OK) as heard:
        url = f"http://hooks.example:{heard.port}/in?x=1"

        answered = await post(url, body=b'{"a":1}', headers={"webhook-id": "one"}, calls=here(resolve=names))

    assert answered == Answered(200, None)
    head, _, body = heard.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /in?x=1 http/1.1"
    assert f"host: hooks.example:{heard.port}" in lines
    assert "webhook-id: one" in lines
    assert body == b'{"a":1}'
    assert names.asked == [("hooks.example", heard.port)]


async def test_a_name_without_an_address_is_told() -> None:
    async def nothing(_name: str, _port: int) -> Sequence[str]:
        raise OSError

    for resolve in (nothing, Names([])):
        with pytest.raises(NotAnsweredError) as refusal:
            await post("https://hooks.example/", body=b"", headers={}, calls=Calls(resolve=resolve))
        assert refusal.value.reason == "name_not_found"


async def test_redirects_are_not_followed() -> None:
    async with receiver(OK) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\nContent-Length: 0\r\n\r\n"
        async with receiver(moved.encode()) as heard:
            answered = await post(f"http://127.0.0.1:{heard.port}/", body=b"", headers={}, calls=here())

    assert answered.status == 307
    assert elsewhere.requests == []


async def test_an_answer_without_end_is_cut() -> None:
    began = asyncio.get_running_loop().time()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    async with receiver(head, endless=b"x" * 10_000) as heard:
        answered = await post(f"http://127.0.0.1:{heard.port}/", body=b"", headers={}, calls=here())

    assert answered.status == 200
    assert asyncio.get_running_loop().time() - began < 3


async def test_who_never_answers_is_left() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(NotAnsweredError) as refusal:
            await post(f"http://127.0.0.1:{port}/", body=b"", headers={}, calls=here(seconds=0.3))
        await asyncio.sleep(0.05)

    assert refusal.value.reason == "timeout"


async def test_nobody_listening_and_nonsense_are_told_apart() -> None:
    async with receiver(b"this is no HTTP\r\n\r\n") as heard:
        with pytest.raises(NotAnsweredError) as nonsense:
            await post(f"http://127.0.0.1:{heard.port}/", body=b"", headers={}, calls=here())
        port = heard.port
    with pytest.raises(NotAnsweredError) as nobody:
        await post(f"http://127.0.0.1:{port}/", body=b"", headers={}, calls=here())

    assert (nonsense.value.reason, nobody.value.reason) == ("broken_answer", "connection_failed")


async def test_the_next_address_is_tried_where_the_first_takes_no_connection() -> None:
    async with receiver(OK) as heard:
        names = Names(["127.0.0.9", "127.0.0.1"])

        answered = await post(f"http://hooks.example:{heard.port}/", body=b"", headers={}, calls=here(resolve=names))

    assert answered.status == 200


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with receiver(OK) as heard:
        answered = await post(f"http://127.0.0.1:{heard.port}/", body=b"", headers={}, calls=here())

    assert answered.status == 200


async def test_the_certificate_has_to_be_the_names_not_the_addresss(tmp_path: Path) -> None:
    server, trust = certificates(tmp_path, name="hooks.example")
    async with receiver(OK, tls=server) as heard:
        calls = here(resolve=Names(["127.0.0.1"]), trust=trust)

        answered = await post(f"https://hooks.example:{heard.port}/", body=b"", headers={}, calls=calls)
        with pytest.raises(NotAnsweredError) as other_name:
            await post(f"https://other.example:{heard.port}/", body=b"", headers={}, calls=calls)
        with pytest.raises(NotAnsweredError) as by_nobody_known:
            await post(
                f"https://hooks.example:{heard.port}/", body=b"", headers={}, calls=here(resolve=Names(["127.0.0.1"]))
            )

    assert answered.status == 200
    assert (other_name.value.reason, by_nobody_known.value.reason) == ("tls_failed", "tls_failed")
    assert len(heard.requests) == 1


def certificates(folder: Path, *, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server of that name, and a client that believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(pem)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cadata=pem.decode())
