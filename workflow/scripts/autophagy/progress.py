"""How far a job is: told to its log and to the person watching."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
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
        self.last, self.reached = "", 0
        #: When counting began and at what: not at 0 where a training is resumed.
        self.origin: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, note: str) -> None:
        """A `Report`: `done` of `total`, and a note such as the loss."""
        if not done:
            self.say(note)
            return
        now = time.monotonic()
        self.last = f"{done}/{total} {note}"
        if self.origin is None or done < self.reached:
            self.origin = (now, done)
        self.reached = done
        if now - self.spoke >= INTERVAL:
            since, first = self.origin
            left = (now - since) * (total - done) / (done - first) if done > first else None
            self.say(self.last if left is None else f"{self.last}, {_duration(left)} left")
            self.spoke = now

    def finish(self) -> None:
        self.say(f"{self.last}, done in {_duration(time.monotonic() - self.started)}")

    def say(self, text: str) -> None:
        # A full disk costs lines of the log; the work is not lost for them.
        with suppress(OSError):
            print(text, file=self.log, flush=True)
        print(f"  {self.title}: {text}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
