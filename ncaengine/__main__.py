"""`python -m ncaengine` is `ncaengine`."""

import sys

from ncaengine.cli import main

sys.exit(main())
