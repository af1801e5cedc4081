"""The one kind of error a user meets: a line that names the culprit and what to do."""


class UserError(Exception):
    """Something the user can mend: a config key, a file, a missing package.

    The message is one line: which key or file, what is wrong, what is allowed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
