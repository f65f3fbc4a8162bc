"""What is left of a damaged database, brought into a new one.

`recover_if_damaged` before anything opens the database: the damaged one is kept beside it. `note_damage` where damage
is met later, so that the next start recovers. `is_sound` looks at everything, which takes a while.
"""

from app.storage.damage import is_sound, note_damage
from app.storage.recovery.recover import Recovery, needs_recovery, recover_if_damaged

__all__ = ["Recovery", "is_sound", "needs_recovery", "note_damage", "recover_if_damaged"]
