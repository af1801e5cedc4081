"""The one kind of error a user meets: a line that names the culprit and what to do."""

#: Characters of a message; text from a broken file could fill the screen.
LONGEST = 2000


def one_line(text: str) -> str:
    """A text as one line: what does not print (control characters, marks of direction) is escaped.

    No more than `LONGEST` characters are said. Names come from files of strangers: a terminal must
    not obey them.
    """
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


class UserError(Exception):
    """Something the user can mend: a config key, a file, a missing package.

    The message is one line: which key or file, what is wrong, what is allowed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(str(message)))


def unreadable(what: object, error: OSError) -> UserError:
    """The error of a file, or of the key that names it, that the system does not let us read."""
    return UserError(f"{what}: cannot be read: {error.strerror or error}")
