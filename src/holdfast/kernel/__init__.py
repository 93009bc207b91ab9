"""One booking, whatever is booked."""
