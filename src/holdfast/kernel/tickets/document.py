"""Print the tickets of one booking: A4, two on a page, each complete in itself so that the page can be cut."""

from holdfast.kernel.tickets.qr import qr_matrix
from holdfast.kernel.tickets.sheet import PAGE_HEIGHT, PAGE_WIDTH, Sheet
from holdfast.kernel.tickets.values import Document, End, PrintedTicket

TICKETS_MAX = 100
FIELDS_MAX = 6
TERM_LINES_MAX = 5

_MARGIN = 14.0
_WIDTH = PAGE_WIDTH - 2 * _MARGIN
_HEIGHT = PAGE_HEIGHT / 2
_TERM_POINTS = 7.5
_CODE_WIDTH = 58.0  # a module of 1 mm: read at arm's length, also from a bad printer

_WORDS = {
    "en": {
        "reference": "Booking reference",
        "ticket": "Ticket",
        "place": "Place",
        "section": "Section",
        "price": "Price",
        "of": "{index} of {count}",
    },
    "ar": {
        "reference": "رقم الحجز",
        "ticket": "التذكرة",
        "place": "المكان",
        "section": "القسم",
        "price": "السعر",
        "of": "{index} من {count}",
    },
}


def ticket_pdf(document: Document) -> bytes:
    """The file, the same bytes for the same document. Takes tens of milliseconds of CPU: call it in a thread.

    Text that is too long is shrunk, then cut; more fields or lines of terms than fit are left out.
    """
    assert 0 < len(document.tickets) <= TICKETS_MAX
    with Sheet(
        locale=document.locale,
        title=f"{document.title} {document.reference}",
        issuer=document.issuer,
        issued_at=document.issued_at,
    ) as sheet:
        terms = [line for term in document.terms for line in sheet.lines(term, width=_WIDTH, points=_TERM_POINTS)]
        for index, ticket in enumerate(document.tickets):
            if index % 2 == 0:
                sheet.page()
            else:
                sheet.rule(x=0, y=_HEIGHT, width=PAGE_WIDTH, dashed=True)
            y = _ticket(sheet, document, ticket, index=index, top=_HEIGHT * (index % 2) + 10)
            _terms(sheet, terms[:TERM_LINES_MAX], top=y)
        return sheet.bytes()


def _ticket(sheet: Sheet, document: Document, ticket: PrintedTicket, *, index: int, top: float) -> float:
    words = _WORDS[document.locale]
    y = _heading(sheet, document, top=top)
    y = _ends(sheet, document, top=y)
    _code(sheet, document, ticket, index=index, top=y)

    width = _WIDTH - _CODE_WIDTH - 6
    place_label = document.place_label or words["place"]
    _pair(sheet, place_label, ticket.place, x=_MARGIN, y=y + 3, width=width * 0.45, points=26)
    beside = [(label, value) for label, value in ((words["section"], ticket.section), (words["price"], ticket.price))]
    for row, (label, value) in enumerate((label, value) for label, value in beside if value):
        _pair(sheet, label, value, x=_MARGIN + width * 0.5, y=y + 3 + row * 10.5, width=width * 0.5, points=10)
    sheet.rule(x=_MARGIN, y=y + 24.5, width=width)
    for position, (label, value) in enumerate(document.fields[:FIELDS_MAX]):
        column, row = position % 2, position // 2
        x = _MARGIN + column * width * 0.5
        _pair(sheet, label, value, x=x, y=y + 26.5 + row * 11.5, width=width * 0.48, points=10)

    return y + _CODE_WIDTH + 10


def _heading(sheet: Sheet, document: Document, *, top: float) -> float:
    words = _WORDS[document.locale]
    half = _WIDTH * 0.62
    sheet.text(document.issuer, x=_MARGIN, y=top, width=half, points=15, bold=True)
    subtitle = f"{document.title} · {document.subtitle}" if document.subtitle else document.title
    sheet.text(subtitle, x=_MARGIN, y=top + 8, width=half, points=10)
    x, width = _MARGIN + half, _WIDTH - half
    sheet.text(words["reference"], x=x, y=top, width=width, points=8, at="end")
    sheet.text(document.reference, x=x, y=top + 4.5, width=width, points=18, bold=True, at="end")
    sheet.rule(x=_MARGIN, y=top + 15, width=_WIDTH, thickness=0.8)
    return top + 17


def _ends(sheet: Sheet, document: Document, *, top: float) -> float:
    """From where and when to where and when; nothing where the document names neither."""
    if document.begins is None:
        return top
    both = document.ends is not None
    width = _WIDTH * 0.42 if both else _WIDTH
    _end(sheet, document.begins, x=_MARGIN, top=top, width=width)
    if document.ends is not None:
        sheet.arrow(x=_MARGIN + _WIDTH * 0.44, y=top + 7, width=_WIDTH * 0.1)
        _end(sheet, document.ends, x=_MARGIN + _WIDTH - width, top=top, width=width)
    sheet.rule(x=_MARGIN, y=top + 22, width=_WIDTH)
    return top + 23


def _end(sheet: Sheet, end: End, *, x: float, top: float, width: float) -> None:
    time_width = width * 0.34 if end.time else 0.0
    sheet.text(end.name, x=x, y=top + 2, width=width - time_width - 2, points=18, bold=True)
    sheet.text(end.time, x=x + width - time_width, y=top + 2, width=time_width, points=18, bold=True, at="end")
    sheet.text(end.detail, x=x, y=top + 13, width=width, points=9)


def _code(sheet: Sheet, document: Document, ticket: PrintedTicket, *, index: int, top: float) -> None:
    words = _WORDS[document.locale]
    x = _MARGIN + _WIDTH - _CODE_WIDTH
    sheet.code(qr_matrix(ticket.token), x=x, y=top, width=_CODE_WIDTH)
    sheet.text(ticket.number, x=x, y=top + _CODE_WIDTH - 2, width=_CODE_WIDTH, points=11, bold=True, at="center")
    caption = f"{words['ticket']} {words['of'].format(index=index + 1, count=len(document.tickets))}"
    sheet.text(caption, x=x, y=top + _CODE_WIDTH + 3.5, width=_CODE_WIDTH, points=8, at="center")


def _pair(sheet: Sheet, label: str, value: str, *, x: float, y: float, width: float, points: float) -> None:
    sheet.text(label, x=x, y=y, width=width, points=8)
    sheet.text(value, x=x, y=y + 4, width=width, points=points, bold=True)


def _terms(sheet: Sheet, lines: list[str], *, top: float) -> None:
    sheet.rule(x=_MARGIN, y=top, width=_WIDTH)
    for row, line in enumerate(lines):
        # Half a millimetre more than they were broken at, so that no line is shrunk for a rounding.
        sheet.text(line, x=_MARGIN, y=top + 1.5 + row * 3.8, width=_WIDTH + 0.5, points=_TERM_POINTS)
