"""What this platform sells: an explicit tuple, no entry points, no scanning."""

from holdfast.kernel.product import Product
from holdfast.products import bus

PRODUCTS: tuple[Product, ...] = (bus.product,)
