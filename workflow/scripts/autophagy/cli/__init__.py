"""Run experiments' bookkeeping and ask where their images and models came from.

Exit status: 0 fine, 1 a finding, 2 wrong use, 3 undecided (effective-size alone).
"""

from __future__ import annotations

import os
import sys

from autophagy.cli.parser import parser
from autophagy.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    chosen = parser(__doc__).parse_args(arguments)
    try:
        status = chosen.command(chosen)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain of it again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # Names too long for the file system, links in a circle.
    except OSError as error:
        print(f"autophagy: {UserError(str(error))}", file=sys.stderr)
        return 2
