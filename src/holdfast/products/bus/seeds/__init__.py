"""The world the demonstration shows: real cities and roads, invented operators."""

from holdfast.products.bus.seeds.cities import CITIES, City, city
from holdfast.products.bus.seeds.fleet import FLEETS, BusModel, Fleet
from holdfast.products.bus.seeds.load import load
from holdfast.products.bus.seeds.roads import ROADS, Road, RoadStop, departures

__all__ = ["CITIES", "FLEETS", "ROADS", "BusModel", "City", "Fleet", "Road", "RoadStop", "city", "departures", "load"]
