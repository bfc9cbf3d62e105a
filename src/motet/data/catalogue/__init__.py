"""The demo catalogue: products drawn and written by code, whose best accuracy is known."""

from __future__ import annotations

from motet.data.catalogue.latents import expected_ceilings, population_ceilings
from motet.data.catalogue.writing import Catalogue, write_catalogue

__all__ = ["Catalogue", "expected_ceilings", "population_ceilings", "write_catalogue"]
