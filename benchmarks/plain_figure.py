"""The least that a process of its own takes to draw a figure: one line, saved as PNG and as PDF."""

import io

from matplotlib.figure import Figure

figure = Figure()
figure.subplots().plot([0, 1], [0, 1])
for kind in ("png", "pdf"):
    figure.savefig(io.BytesIO(), format=kind)
