"""Turn a ticket's token into a QR code."""

import io

import segno


def qr_matrix(token: str) -> tuple[tuple[bool, ...], ...]:
    """The dark modules, row by row, without the quiet zone of four modules that every reader needs around them."""
    return tuple(tuple(bool(module) for module in row) for row in _code(token).matrix)


def qr_svg(token: str) -> str:
    """A drawing that scales to its container, black on white whatever the page's colours, quiet zone included."""
    out = io.BytesIO()
    _code(token).save(out, kind="svg", border=4, light="#fff", dark="#000", xmldecl=False, nl=False, omitsize=True)
    return out.getvalue().decode()


def _code(token: str) -> segno.QRCode:
    # Level M bears about 15 % of damage: folds, and printers low on ink.
    return segno.make_qr(token, error="m")
