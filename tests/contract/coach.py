"""The coach that schedules run unless a test asks for another: twelve seats of three types."""

from typing import Any

#: Row 1 is premium, row 3 has berths; C and D stand behind the aisle.
TYPES = {1: ("premium", "20.00"), 2: ("standard", "0.00"), 3: ("sleeper", "35.50")}
BASE_PRICE = "100.00"
SEATS = [f"{row}{letter}" for row in TYPES for letter in "ABCD"]


def layout(rows: int = 3) -> dict[str, Any]:
    """Two and two, `rows` deep: what an operator sends as seat_layout_config."""
    return {
        "decks": [
            {
                "name": "main",
                "columns": 5,
                "aisles": [3],
                "rows": [
                    {
                        "seats": [
                            {
                                "number": f"{row}{letter}",
                                "column": column,
                                "type": TYPES[(row - 1) % 3 + 1][0],
                                "price_modifier": TYPES[(row - 1) % 3 + 1][1],
                            }
                            for letter, column in zip("ABCD", (1, 2, 4, 5), strict=True)
                        ]
                    }
                    for row in range(1, rows + 1)
                ],
            }
        ]
    }
