"""The ways a person looks at a page: on a phone or at a desk, in English or Arabic."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    width: int
    height: int
    language: str
    is_phone: bool

    @property
    def name(self) -> str:
        return f"{'phone' if self.is_phone else 'desk'}-{self.language}"

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ar" else "ltr"

    def context(self) -> dict[str, Any]:
        """What Playwright's `new_context` is told."""
        return {
            "viewport": {"width": self.width, "height": self.height},
            "locale": {"en": "en-GB", "ar": "ar-EG"}[self.language],
            "timezone_id": "Africa/Cairo",
            "has_touch": self.is_phone,
            "is_mobile": self.is_phone,
            "reduced_motion": "reduce",  # half-way through a fade, no contrast is the real one
        }


VIEWS = {
    view.name: view
    for view in (
        View(width, height, language, is_phone)
        for width, height, is_phone in ((360, 740, True), (1280, 800, False))
        for language in ("en", "ar")
    )
}
