"""Operators and the buses they run. The names are invented."""

from dataclasses import dataclass
from typing import Any

from holdfast.products.bus import layouts
from holdfast.products.bus.values import BusType


@dataclass(frozen=True, slots=True)
class BusModel:
    """A kind of bus of an operator; `numbers` are the buses of that kind."""

    bus_type: BusType
    total_seats: int
    seat_layout_config: dict[str, Any]
    amenities: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """An operator: its brand by language, the currency it sells in, its buses, and the keys of the roads it serves."""

    key: str
    names: dict[str, str]
    currency: str
    models: tuple[BusModel, ...]
    roads: tuple[str, ...]


FLEETS: tuple[Fleet, ...] = (
    Fleet(
        key="delta_express",
        names={"en": "Delta Express", "ar": "دلتا إكسبريس"},
        currency="EGP",
        models=(
            BusModel(
                bus_type="standard",
                total_seats=49,
                seat_layout_config=layouts.standard(12, modifier_front="15.00"),
                amenities=("air_conditioning", "usb", "luggage"),
                numbers=("DX-1041", "DX-1042", "DX-1043", "DX-1044", "DX-1045", "DX-1046"),
            ),
            BusModel(
                bus_type="standard",
                total_seats=45,
                seat_layout_config=layouts.standard(11),
                amenities=("air_conditioning", "luggage"),
                numbers=("DX-0917", "DX-0918", "DX-0919", "DX-0920"),
            ),
        ),
        roads=("cairo-alexandria", "alexandria-cairo", "cairo-hurghada", "hurghada-cairo"),
    ),
    Fleet(
        key="blue_nile_coaches",
        names={"en": "Blue Nile Coaches", "ar": "حافلات النيل الأزرق"},
        currency="EGP",
        models=(
            BusModel(
                bus_type="deluxe",
                total_seats=30,
                seat_layout_config=layouts.deluxe(10, modifier_single="40.00"),
                amenities=("air_conditioning", "wifi", "power", "snack", "toilet"),
                numbers=("BN-301", "BN-302", "BN-303", "BN-304"),
            ),
            BusModel(
                bus_type="sleeper",
                total_seats=36,
                seat_layout_config=layouts.sleeper(6, modifier_lower="50.00"),
                amenities=("air_conditioning", "blanket", "power", "toilet"),
                numbers=("BN-601", "BN-602", "BN-603", "BN-604"),
            ),
        ),
        roads=("cairo-alexandria", "alexandria-cairo", "cairo-aswan", "aswan-cairo", "cairo-sharm", "sharm-cairo"),
    ),
    Fleet(
        key="red_rock_lines",
        names={"en": "Red Rock Lines", "ar": "خطوط الصخرة الحمراء"},
        currency="JOD",
        models=(
            BusModel(
                bus_type="standard",
                total_seats=49,
                seat_layout_config=layouts.standard(12, modifier_front="0.750"),
                amenities=("air_conditioning", "wifi", "usb"),
                numbers=("RR-21", "RR-22", "RR-23", "RR-24"),
            ),
        ),
        roads=("irbid-aqaba", "aqaba-irbid"),
    ),
    Fleet(
        key="desert_palm",
        names={"en": "Desert Palm", "ar": "نخيل الصحراء"},
        currency="SAR",
        models=(
            BusModel(
                bus_type="semi_sleeper",
                total_seats=46,
                seat_layout_config=layouts.semi_sleeper(9, berths=5, modifier_berth="60.00"),
                amenities=("air_conditioning", "wifi", "power", "toilet", "blanket"),
                numbers=("DP-7001", "DP-7002", "DP-7003", "DP-7004", "DP-7005", "DP-7006"),
            ),
        ),
        roads=("dammam-jeddah", "jeddah-dammam", "jeddah-madinah", "madinah-jeddah", "amman-madinah", "madinah-amman"),
    ),
    Fleet(
        key="two_seas",
        names={"en": "Two Seas Coaches", "ar": "حافلات البحار"},
        currency="EUR",
        models=(
            BusModel(
                bus_type="deluxe",
                total_seats=39,
                seat_layout_config=layouts.deluxe(13, modifier_single="4.00"),
                amenities=("air_conditioning", "wifi", "power", "toilet"),
                numbers=("TS-11", "TS-12", "TS-13", "TS-14"),
            ),
        ),
        roads=("lisbon-madrid", "madrid-lisbon"),
    ),
)
