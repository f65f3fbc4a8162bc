"""The command line: every engine ability without a window, JSON out.

May import everything but `app.ui`. One module for each command, named
in `COMMANDS` of `app.cli.program`; `running` turns what happens into exit codes,
`terminal` makes text from files and models safe to print.
"""

from app.cli.program import run_command_line

__all__ = ["run_command_line"]
