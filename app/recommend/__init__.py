"""Which model in which quantization suits a machine, and where it goes when it is loaded.

May import everything below it down to `app.core`, and `resources`. Main entries: `read_catalogue` for the models
that a person can choose from, `read_published_quality` for what their quantizations cost, `loading` for whoever loads.
"""

from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.quality import Measurement, read_published_quality

__all__ = ["CatalogueModel", "Measurement", "read_catalogue", "read_published_quality"]
