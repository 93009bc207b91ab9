"""What a bus's `seat_layout_config` looks like as JSON; `layouts.parse_layout` says what it must mean."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from holdfast.products.bus.values import SeatFlag, SeatPosition, SeatType

DECKS_MAX = 3
ROWS_MAX = 60
COLUMNS_MAX = 7


def _decimal_string(value: Any) -> Any:  # noqa: ANN401 - whatever JSON held
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise PydanticCustomError("malformed_amount", "Write an amount as a decimal string such as 12.50.")
    return Decimal(value) if isinstance(value, int) or (isinstance(value, str) and _is_plain(value)) else value


def _is_plain(value: str) -> bool:
    return value.isascii() and value.replace(".", "", 1).isdigit()


Modifier = Annotated[
    Decimal,
    BeforeValidator(_decimal_string, json_schema_input_type=str),
    Field(ge=0, max_digits=10, decimal_places=3, allow_inf_nan=False),
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LayoutSeat(_Strict):
    """A seat; `position` is worked out from columns and aisles where it is left out."""

    number: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,6}[A-Za-z0-9])?$", examples=["12A"])]
    column: Annotated[int, Field(ge=1, le=COLUMNS_MAX)]
    type: SeatType = "standard"
    price_modifier: Modifier = Decimal(0)
    position: SeatPosition | None = None
    flags: Annotated[list[SeatFlag], Field(max_length=2)] = []


class LayoutRow(_Strict):
    """A row from the front; one without seats is a door, stairs or a toilet."""

    seats: Annotated[list[LayoutSeat], Field(max_length=COLUMNS_MAX)]


class LayoutDeck(_Strict):
    """A floor; `columns` counts aisles too, `aisles` says which columns are walked in (a back row may seat there)."""

    name: Annotated[str, Field(min_length=1, max_length=20)]
    columns: Annotated[int, Field(ge=1, le=COLUMNS_MAX)]
    aisles: Annotated[list[Annotated[int, Field(ge=1, le=COLUMNS_MAX)]], Field(max_length=COLUMNS_MAX)] = []
    rows: Annotated[list[LayoutRow], Field(min_length=1, max_length=ROWS_MAX)]


class SeatLayoutConfig(_Strict):
    """Decks from the lowest up; at most 200 seats in all."""

    decks: Annotated[list[LayoutDeck], Field(min_length=1, max_length=DECKS_MAX)]
