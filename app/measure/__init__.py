"""What a model is worth, in figures: so far, how fast it is.

May import what stands below it, down to `app.core`. Main entry: `measure_speed`.
"""

from app.measure.speed import Rate, Speed, measure_speed

__all__ = ["Rate", "Speed", "measure_speed"]
