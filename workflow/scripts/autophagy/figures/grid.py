"""A picture grid: the same seeds in every generation of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from autophagy.figures import WIDTH, drawing


def draw(rows: dict[str, np.ndarray], levels: int, title: str) -> Any:
    """A picture grid.

    Args:
        rows: label -> uint8 n×H×W×C pictures with values 0..levels-1, the same n in every row.
    """
    with drawing() as Figure:
        strips = [_strip(images, levels) for images in rows.values()]
        sheet = np.concatenate(strips, axis=0)
        figure = Figure(figsize=(WIDTH, WIDTH * sheet.shape[0] / sheet.shape[1]))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        heights = [strip.shape[0] for strip in strips]
        centres = np.cumsum(heights) - np.array(heights) / 2 - 0.5
        axes.set_yticks(centres, list(rows))
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title)
    return figure


def _strip(images: np.ndarray, levels: int, gap: int = 1) -> np.ndarray:
    """Pictures side by side, white between them; floats 0..1, H×W or H×W×3."""
    n, height, width, channels = images.shape
    strip = np.ones((height + gap, n * (width + gap), channels))
    for place, image in enumerate(images.astype(float) / (levels - 1)):
        left = place * (width + gap)
        strip[:height, left : left + width] = image
    return strip if channels == 3 else strip[..., 0]


def caption(loop: str, seed: int, generations: int, labels: list[str], title: str) -> str:
    """What a grid of pictures shows, in words.

    Args:
        labels: the class of each column; one word for all where pictures have no classes.
        title: the loop and its budget.
    """
    classes = list(dict.fromkeys(labels))
    sorted_by = f", sorted by class ({', '.join(classes)})" if len(classes) > 1 else ""
    return (
        f"Loop {loop}, run seed {seed}: the same {len(labels)} sample seeds, a column each, in "
        f"every generation from 1 (below the top) to {generations} (bottom){sorted_by}. Top row: "
        f"held-out real images{' of the same classes' if len(classes) > 1 else ''}. {title}."
    )
