"""Holdfast: booking that never sells the same place twice."""

__version__ = "0.1.0.dev0"
