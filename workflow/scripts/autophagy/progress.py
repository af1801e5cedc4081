"""How far a job is: told to its log and to the person watching."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: Called as report(done, total, note) while a step works; done = 0 is a remark before it begins.
Report = Callable[[int, int, str], None]

#: Seconds between two lines of progress: enough to watch by, too few to flood a file.
INTERVAL = 10.0


class Progress:
    """Tells how far a job is, at most every `INTERVAL` seconds and once at its end."""

    def __init__(self, title: str, log: TextIO) -> None:
        self.title, self.log = title, log
        self.started = self.spoke = time.monotonic()
        self.last = ""

    def __call__(self, done: int, total: int, note: str) -> None:
        """A `Report`: `done` of `total`, and a note such as the loss."""
        if not done:
            self.say(note)
            return
        now = time.monotonic()
        self.last = f"{done}/{total} {note}"
        if now - self.spoke >= INTERVAL:
            left = (now - self.started) * (total - done) / done
            self.say(f"{self.last}, {_duration(left)} left")
            self.spoke = now

    def finish(self) -> None:
        self.say(f"{self.last}, done in {_duration(time.monotonic() - self.started)}")

    def say(self, text: str) -> None:
        print(text, file=self.log, flush=True)
        print(f"  {self.title}: {text}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
