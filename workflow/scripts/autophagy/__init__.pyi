from pathlib import Path

from autophagy.results import Results

def open(folder: str | Path) -> Results: ...
