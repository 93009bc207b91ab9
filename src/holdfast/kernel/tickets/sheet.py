"""Draw text, lines and codes on A4 in black and white, in either reading direction.

Every measure is in millimetres from the edge where reading starts: on an Arabic sheet `x` counts from the right, so
that the same layout code draws the mirrored page.
"""

import unicodedata
from datetime import datetime
from importlib.resources import as_file, files
from typing import Literal, Self

from fpdf import FPDF
from fpdf.enums import TextDirection
from fpdf.fonts import TTFFont

from holdfast.kernel.tickets.values import Locale

PAGE_WIDTH = 210.0
PAGE_HEIGHT = 297.0

_PACKAGE = "holdfast.kernel.tickets"
_FAMILIES = {"latin": "NotoSans", "arabic": "NotoNaskhArabic"}
_STYLES = {"": "Regular", "B": "Bold"}
_At = Literal["start", "center", "end"]
_MM_PER_POINT = 25.4 / 72
_CHARS_MAX = 1000  # far more than fits a line; a bound on what is measured again and again


class Sheet:
    """A document in the making; leaving its context closes the font files."""

    def __init__(self, *, locale: Locale, title: str, issuer: str, issued_at: datetime) -> None:
        self._is_rtl = locale == "ar"
        self._pdf = FPDF(format="A4")
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.set_creation_date(issued_at)  # without it the moment of drawing makes every file another
        self._pdf.set_producer("Holdfast")
        self._pdf.set_title(printable(title))
        self._pdf.set_author(printable(issuer))
        self._pdf.set_lang(locale)
        self._drawable: set[int] = set()
        for family, file in _FAMILIES.items():
            for style, suffix in _STYLES.items():
                with as_file(files(_PACKAGE) / "fonts" / f"{file}-{suffix}.ttf") as path:
                    self._pdf.add_font(family, style, path)
                font = self._pdf.fonts[family + style]
                assert isinstance(font, TTFFont)
                self._drawable |= set(font.cmap)
        self._pdf.set_font("latin", size=10)
        self._pdf.set_fallback_fonts(["arabic"], exact_match=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for font in self._pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def page(self) -> None:
        """Begin a new page."""
        self._pdf.add_page()

    def text(
        self,
        text: str,
        *,
        x: float,
        y: float,
        width: float,
        points: float,
        bold: bool = False,
        at: _At = "start",
    ) -> None:
        """One line whose letters stand around `y` + half its height; shrunk to 70 %, then cut, until it fits."""
        text = self._prepare(text)
        if not text:
            return
        # Its own graphics state: fpdf2 forgets that a fallback font stays set after the text that needed it, and would
        # write the next line's first letters with the wrong one.
        with self._pdf.local_context():
            self._line(text, x=x, y=y, width=width, points=points, bold=bold, at=at)

    def width(self, text: str, *, points: float) -> float:
        """How wide a text is drawn in the regular weight."""
        text = self._prepare(text)
        self._pdf.set_font("latin", size=points)
        return float(self._pdf.get_string_width(text))

    def lines(self, text: str, *, width: float, points: float) -> list[str]:
        """The text in lines that fit the width."""
        text = self._prepare(text)
        self._pdf.set_font("latin", size=points)
        wrapped: list[str] = []
        for word in text.split():
            longer = f"{wrapped[-1]} {word}" if wrapped else word
            if wrapped and self._pdf.get_string_width(longer) <= width:
                wrapped[-1] = longer
            else:
                wrapped.append(word)
        return wrapped

    def rule(self, *, x: float, y: float, width: float, dashed: bool = False, thickness: float = 0.25) -> None:
        """A horizontal line."""
        self._pdf.set_line_width(thickness)
        if dashed:
            self._pdf.set_dash_pattern(dash=2, gap=2)
        left = self._left(x, width)
        self._pdf.line(left, y, left + width, y)
        self._pdf.set_dash_pattern()

    def arrow(self, *, x: float, y: float, width: float) -> None:
        """An arrow in the direction of reading."""
        head = 3.0
        self.rule(x=x, y=y, width=width - head, thickness=0.5)
        base, tip = self._mirrored(x + width - head), self._mirrored(x + width)
        self._pdf.set_fill_color(0)
        self._pdf.polygon([(base, y - head / 2), (tip, y), (base, y + head / 2)], style="F")

    def frame(self, *, x: float, y: float, width: float, height: float) -> None:
        """The outline of a box."""
        self._pdf.set_line_width(0.4)
        self._pdf.rect(self._left(x, width), y, width, height, style="D")

    def code(self, matrix: tuple[tuple[bool, ...], ...], *, x: float, y: float, width: float) -> None:
        """A QR code, never mirrored, quiet zone included in the width. Vectors: sharp on every printer."""
        module = width / (len(matrix) + 8)
        left, top = self._left(x, width) + 4 * module, y + 4 * module
        self._pdf.set_fill_color(0)
        for row, modules in enumerate(matrix):
            for start, end in _runs(modules):
                # A hair wider and higher than the module, so that no white seam shows between neighbours.
                self._pdf.rect(
                    left + start * module, top + row * module, (end - start) * module + 0.01, module + 0.01, style="F"
                )

    def bytes(self) -> bytes:
        """The finished file."""
        return bytes(self._pdf.output())

    def _line(self, text: str, *, x: float, y: float, width: float, points: float, bold: bool, at: _At) -> None:
        text, points = self._fit(text, width, points, bold=bold)
        align = {"start": "R" if self._is_rtl else "L", "center": "C", "end": "L" if self._is_rtl else "R"}[at]
        self._pdf.set_xy(self._left(x, width), y)
        self._pdf.cell(width, points * _MM_PER_POINT * 1.3, text, align=align)

    def _left(self, x: float, width: float) -> float:
        return PAGE_WIDTH - x - width if self._is_rtl else x

    def _mirrored(self, x: float) -> float:
        return PAGE_WIDTH - x if self._is_rtl else x

    def _prepare(self, text: str) -> str:
        """The text as it can be drawn, with the direction for drawing it set."""
        text = "".join(letter if ord(letter) in self._drawable else "?" for letter in printable(text))
        # Telephone numbers and amounts on an Arabic sheet have no Arabic letter: they keep their order.
        direction = TextDirection.RTL if _reads_rtl(text, sheet_is_rtl=self._is_rtl) else TextDirection.LTR
        self._pdf.set_text_shaping(use_shaping_engine=True, direction=direction)
        return text

    def _fit(self, text: str, width: float, points: float, *, bold: bool) -> tuple[str, float]:
        self._pdf.set_font("latin", "B" if bold else "", points)
        wide = self._pdf.get_string_width(text)
        if wide > width:
            points = max(points * width / wide * 0.99, points * 0.7)
            self._pdf.set_font("latin", "B" if bold else "", points)
            if self._pdf.get_string_width(text) > width:
                text = self._cut(text, width)
        return text, points

    def _cut(self, text: str, width: float) -> str:
        """The longest beginning that fits with an ellipsis behind it."""
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self._pdf.get_string_width(text[:middle].rstrip() + "…") <= width:
                fits = middle
            else:
                too_long = middle
        return text[:fits].rstrip() + "…"


def printable(text: str) -> str:
    """Text on one line: NFC, without control characters and direction marks.

    Direction marks go because a name must not be able to turn the words around it.
    """
    kept = "".join(
        letter
        for letter in unicodedata.normalize("NFC", text[:_CHARS_MAX])
        if letter.isspace() or _is_visible_or_joiner(letter)
    )
    return " ".join(kept.split())


def _is_visible_or_joiner(letter: str) -> bool:
    return letter in "\u200c\u200d" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"}


def _reads_rtl(text: str, *, sheet_is_rtl: bool) -> bool:
    strong = [cls for cls in map(unicodedata.bidirectional, text) if cls in {"L", "R", "AL"}]
    if sheet_is_rtl:
        return "AL" in strong or "R" in strong
    return bool(strong) and strong[0] != "L"


def _runs(modules: tuple[bool, ...]) -> list[tuple[int, int]]:
    """(start, end) of each stretch of dark modules."""
    edges = [i for i in range(len(modules) + 1) if _dark(modules, i) != _dark(modules, i - 1)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _dark(modules: tuple[bool, ...], i: int) -> bool:
    return 0 <= i < len(modules) and modules[i]
