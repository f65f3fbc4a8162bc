"""Which model in which quantization suits a machine; so far what that will be told from: models and measurements.

May import everything below it down to `app.core`, and `resources`. Main entries: `read_catalogue` for the models
that a person can choose from, `read_published_quality` for what their quantizations cost.
"""

from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.quality import Measurement, read_published_quality

__all__ = ["CatalogueModel", "Measurement", "read_catalogue", "read_published_quality"]
