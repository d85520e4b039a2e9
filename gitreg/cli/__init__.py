"""The command line: one entry, one error handler, and commands that are imported only when they are asked for.

- Every failure ends here: what, where, got, expected and the mend on stderr; with `--json` the same as
  `{"error": {...}}` on stdout; the exit code is the error's own. A traceback is shown only for `GITREG_DEBUG=1`.
- Exit codes: 0 fine, 1 faults found, 2 could not run, 42 a human must decide, 130 interrupted, 141 nobody reads on.
- What is printed can always be encoded: characters that the terminal cannot show are escaped.
"""

from gitreg.cli.entry import main

__all__ = ["main"]
