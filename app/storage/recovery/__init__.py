"""What is left of a damaged database, brought into a new one. Whether one is damaged: `app.storage.damage`.

Main entry: `recover_if_damaged`, before anything opens the database.
"""

from app.storage.recovery.progress import UNHEARD
from app.storage.recovery.recover import Recovery, recover_if_damaged

__all__ = ["UNHEARD", "Recovery", "recover_if_damaged"]
