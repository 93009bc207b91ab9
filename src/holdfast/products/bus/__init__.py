"""Intercity buses: routes, buses, schedules, and seats sold leg by leg."""
