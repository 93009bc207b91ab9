"""What could serve a bakery: nothing here knows of bookings."""
