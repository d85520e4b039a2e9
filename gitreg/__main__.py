"""`python -m gitreg` is `gitreg`."""

import sys

from gitreg.cli import main

sys.exit(main())
