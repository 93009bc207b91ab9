import io
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pypdf
import pytest

from holdfast.kernel import tickets
from holdfast.kernel.tickets import Document, End, PrintedTicket, TicketClaims, TicketKey
from holdfast.kernel.tickets.document import ticket_pdf
from holdfast.kernel.tickets.qr import qr_matrix
from holdfast.kernel.tickets.sheet import Sheet, printable

KEY = TicketKey.from_seed(bytes(32))


def _token(place: int) -> str:
    claims = TicketClaims(ticket_id=UUID(int=place), inventory_id=UUID(int=7), place=place, nonce=bytes(12))
    return tickets.sign(claims, key=KEY)


ENGLISH = Document(
    title="Entry ticket",
    subtitle="Air-conditioned",
    issuer="Delta Express",
    reference="K7QM3XRP",
    issued_at=datetime(2026, 11, 21, tzinfo=UTC),
    begins=End("Cairo", "08:30", "Sat 21 Nov 2026 · Turgoman"),
    ends=End("Alexandria", "11:30", "Sat 21 Nov 2026 · Moharram Bek"),
    fields=(("Name", "Zoë Łukasz Ålund"), ("Telephone", "+20 2 2574 1234"), ("Paid", "EGP 540.00")),
    place_label="Place",
    tickets=tuple(PrintedTicket(f"T-{n:07d}", f"{n}A", _token(n), "Lower deck", "EGP 180.00") for n in (12, 13, 14)),
    terms=("Full refund until 24 hours before.", "Be there 15 minutes early."),
)
ARABIC = Document(
    title="تذكرة",
    subtitle="مكيفة",
    issuer="دلتا إكسبريس",
    reference="K7QM3XRP",
    issued_at=datetime(2026, 11, 21, tzinfo=UTC),
    begins=End("القاهرة", "08:30", "السبت 21 نوفمبر 2026"),
    ends=End("الإسكندرية", "11:30", "السبت 21 نوفمبر 2026"),
    fields=(("الاسم", "محمد علي Zoë"), ("الهاتف", "+20 2 2574 1234")),
    place_label="المكان",
    tickets=(PrintedTicket("T-0000012", "12A", _token(12), "الطابق السفلي", "180.00 ج.م"),),
    terms=("يرد المبلغ كاملا قبل 24 ساعة.", "احضر قبل الموعد واعرض هذا الرمز."),
    locale="ar",
)


def _pages(document: Document) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(ticket_pdf(document))).pages]


def test_every_ticket_is_complete_in_itself_and_two_share_a_page() -> None:
    pages = _pages(ENGLISH)

    assert len(pages) == 2
    for words in (
        "K7QM3XRP",
        "Cairo",
        "Alexandria",
        "Zoë Łukasz Ålund",
        "+20 2 2574 1234",
        "Be there 15 minutes early.",
    ):
        assert (pages[0].count(words), pages[1].count(words)) == (2, 1)
    assert all(number in pages[0] for number in ("T-0000012", "12A", "Ticket 1 of 3", "T-0000013", "13A"))


def test_arabic_words_can_be_read_back_from_the_file() -> None:
    (page,) = _pages(ARABIC)

    words = page.split()
    for word in ("المكان", "محمد", "السفلي", "رقم", "الحجز", "واعرض", "12A", "K7QM3XRP"):
        assert word in words
    assert "الإسكندرية" in page
    assert "+20 2 2574 1234" in page
    assert any(word.strip(".") == "الرمز" and "." in word for word in words)  # its full stop is no other letter


def test_arabic_letters_are_drawn_joined() -> None:
    with Sheet(locale="ar", title="", issuer="", issued_at=ARABIC.issued_at) as sheet:
        joined, alone = sheet.width("\u0647\u0647\u0647", points=10), sheet.width("\u0647", points=10)

    assert joined != pytest.approx(3 * alone, rel=0.02)  # first, middle and last form of a letter, not one form thrice


def test_the_same_document_is_the_same_file() -> None:
    assert ticket_pdf(ARABIC) == ticket_pdf(ARABIC)


def test_a_file_is_small() -> None:
    assert len(ticket_pdf(ENGLISH)) < 60_000


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_001,
        "👍🏽 漢字",
        "\x00\x1b[2J",
        "\u202emoc.live",
        "",
        "=HYPERLINK(1)",
        "a\ud800b",
        "\u0301" * 500,
        "(\\)",
    ],
)
def test_any_text_can_be_printed(text: str) -> None:
    document = replace(ARABIC, issuer=text, reference=text, fields=((text, text),) * 9, terms=(text,) * 9)

    pdf = ticket_pdf(document)

    assert pdf.startswith(b"%PDF")


def test_direction_marks_are_not_printed() -> None:
    assert printable("a\u202eb\u2066c\u200fd\te\n") == "abcd e"


def test_a_token_fits_a_code_that_is_read_easily() -> None:
    matrix = qr_matrix(_token(1))

    assert len(matrix) == 49  # version 8


def test_the_drawing_of_a_code_scales_and_brings_its_own_margin() -> None:
    svg = tickets.qr_svg(_token(1))

    assert svg.startswith("<svg")
    assert 'viewBox="0 0 57 57"' in svg
    assert "#fff" in svg
