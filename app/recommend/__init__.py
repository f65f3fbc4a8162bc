"""Which model in which quantization suits a machine; so far the catalogue of models that a person can choose from.

May import everything below it down to `app.core`, and `resources`. Main entry: `read_catalogue`.
"""

from app.recommend.catalogue import CatalogueModel, read_catalogue

__all__ = ["CatalogueModel", "read_catalogue"]
