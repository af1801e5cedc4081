"""Run experiments' bookkeeping and ask where their images and models came from.

Exit status: 0 fine, 1 a finding, 2 wrong use, 3 undecided (effective-size alone), 130 interrupted,
141 whoever read the output has gone before its end.
"""

from __future__ import annotations

import os
import sys

from autophagy.cli.parser import parser
from autophagy.errors import UserError, one_line


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show, such as a file's name, is spelled out.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        chosen = parser(__doc__).parse_args(arguments)
        return _ended(chosen.command(chosen))
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)
        return _ended(2)
    except KeyboardInterrupt:
        print("autophagy: interrupted", file=sys.stderr)
        return _ended(130)
    except BrokenPipeError:
        # What the command would have found is not known: 0 could call a broken experiment whole.
        return _ended(141)
    # Names too long for the file system, links in a circle.
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        print(f"autophagy: {one_line(place + (error.strerror or str(error)))}", file=sys.stderr)
        return 2


def _ended(status: int) -> int:
    """The status of a command that has ended, which a reader (head, less) that has gone keeps."""
    if sys.stdout is None:
        return status
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain of it again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status
