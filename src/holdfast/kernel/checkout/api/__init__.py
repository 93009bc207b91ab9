"""The shared endpoints of booking, paying, cancelling and watching over it."""

from holdfast.kernel.checkout.api import admin, bookings, payments
from holdfast.kernel.checkout.api.payments import simulation
from holdfast.kit.http import Router

router = Router()
router.include_router(bookings.router)
router.include_router(payments.router)
router.include_router(admin.router)

__all__ = ["router", "simulation"]
