"""Ground floor: units, errors and jobs.

Standard library only; imports nothing else of Nibble, and everything else may import it.
Main entries: `Job` for anything longer than 50 ms, `EnvironmentFault` for anything that is not
Nibble's own mistake.
"""
