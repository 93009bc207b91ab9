"""Cities with their true coordinates, zones and names.

Cairo has daylight saving time again since 2023 (its clocks jump at midnight), Amman keeps UTC+3 all year since 2022,
Riyadh never had any, Lisbon and Madrid change together but lie an hour apart.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    """A place that buses stop at. `names` by language; degrees north and east."""

    key: str
    names: dict[str, str]
    terminal: dict[str, str]
    latitude: float
    longitude: float
    zone: str
    country: str


def _city(key: str, names: tuple[str, str], terminal: tuple[str, str], at: tuple[float, float], zone: str) -> City:
    countries = {
        "Africa/Cairo": "EG",
        "Asia/Amman": "JO",
        "Asia/Riyadh": "SA",
        "Europe/Lisbon": "PT",
        "Europe/Madrid": "ES",
    }
    return City(
        key=key,
        names={"en": names[0], "ar": names[1]},
        terminal={"en": terminal[0], "ar": terminal[1]},
        latitude=at[0],
        longitude=at[1],
        zone=zone,
        country=countries[zone],
    )


_EG, _JO, _SA = "Africa/Cairo", "Asia/Amman", "Asia/Riyadh"

CITIES: tuple[City, ...] = (
    _city("cairo", ("Cairo", "القاهرة"), ("Turgoman", "الترجمان"), (30.0444, 31.2357), _EG),
    _city("alexandria", ("Alexandria", "الإسكندرية"), ("Moharram Bek", "محرم بك"), (31.2001, 29.9187), _EG),
    _city("suez", ("Suez", "السويس"), ("Suez terminal", "موقف السويس"), (29.9668, 32.5498), _EG),
    _city("hurghada", ("Hurghada", "الغردقة"), ("El Nasr Street", "شارع النصر"), (27.2579, 33.8116), _EG),
    _city("luxor", ("Luxor", "الأقصر"), ("Station Square", "ميدان المحطة"), (25.6872, 32.6396), _EG),
    _city("aswan", ("Aswan", "أسوان"), ("North terminal", "الموقف الشمالي"), (24.0889, 32.8998), _EG),
    _city("sharm", ("Sharm El Sheikh", "شرم الشيخ"), ("El Ruwaysat", "الرويسات"), (27.9158, 34.3300), _EG),
    _city("amman", ("Amman", "عمان"), ("Tabarbour", "طبربور"), (31.9539, 35.9106), _JO),
    _city("irbid", ("Irbid", "إربد"), ("New Amman terminal", "مجمع عمان الجديد"), (32.5556, 35.8500), _JO),
    _city("maan", ("Ma'an", "معان"), ("Ma'an terminal", "مجمع معان"), (30.1920, 35.7360), _JO),
    _city("aqaba", ("Aqaba", "العقبة"), ("Aqaba terminal", "مجمع العقبة"), (29.5320, 35.0063), _JO),
    _city("riyadh", ("Riyadh", "الرياض"), ("Al Aziziyah", "العزيزية"), (24.7136, 46.6753), _SA),
    _city("dammam", ("Dammam", "الدمام"), ("King Saud Street", "شارع الملك سعود"), (26.4207, 50.0888), _SA),
    _city("makkah", ("Makkah", "مكة المكرمة"), ("Kudai", "كدي"), (21.3891, 39.8579), _SA),
    _city("jeddah", ("Jeddah", "جدة"), ("Al Balad", "البلد"), (21.4858, 39.1925), _SA),
    _city("madinah", ("Madinah", "المدينة المنورة"), ("Central terminal", "المحطة المركزية"), (24.5247, 39.5692), _SA),
    _city("lisbon", ("Lisbon", "لشبونة"), ("Oriente", "أورينتي"), (38.7223, -9.1393), "Europe/Lisbon"),
    _city("badajoz", ("Badajoz", "بطليوس"), ("Bus station", "محطة الحافلات"), (38.8794, -6.9707), "Europe/Madrid"),
    _city("madrid", ("Madrid", "مدريد"), ("Méndez Álvaro", "مينديث ألبارو"), (40.4168, -3.7038), "Europe/Madrid"),
)

_BY_KEY = {each.key: each for each in CITIES}


def city(key: str) -> City:
    """The city of a key; the keys are ours, so an unknown one is a bug."""
    return _BY_KEY[key]
