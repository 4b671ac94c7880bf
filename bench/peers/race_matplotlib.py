#!/usr/bin/env python3
"""The pictures of bench_race as they are usually made: Matplotlib's surface of all 200 x 200 points with
ten trails, as a PNG of 900 x 900 pixels and as an animated GIF, of 4 frames because each takes seconds.
Prints bench_race's JSON lines.
"""
import json
import os
import sys
import tempfile
import time

try:
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import animation, pyplot
    import PIL  # noqa: F401  (writes the GIF)
except ImportError as missing:
    print(f"race_matplotlib: skipped, {missing.name} is missing (pip install matplotlib pillow)")
    sys.exit(0)

STEPS, FRAMES = 100, 4
axis = np.arange(-10, 10, 0.1)
x, y = np.meshgrid(axis, axis)
surface = (x / 10) ** 2 + (y / 10) ** 2
# Ten walks of gradient descent at ten rates.
walks = [9 * (1 - rate / 50) ** np.arange(STEPS + 1) for rate in range(1, 11)]


def scene():
    figure = pyplot.figure(figsize=(9, 9), dpi=100)
    axes = figure.add_subplot(projection="3d")
    axes.plot_surface(x, y, surface, cmap="viridis", rcount=200, ccount=200, zorder=1)
    axes.view_init(50, -70)
    trails = [axes.plot(w, w, 2 * (w / 10) ** 2, ".-", zorder=3, label=f"SGD {k}")[0] for k, w in enumerate(walks)]
    axes.legend(loc="upper right")
    return figure, trails


def still(path):
    figure, _ = scene()
    figure.savefig(path)
    pyplot.close(figure)


def animated(path):
    figure, trails = scene()

    def show(step):
        for walk, trail in zip(walks, trails):
            part = walk[: step + 1]
            trail.set_data_3d(part, part, 2 * (part / 10) ** 2)

    animation.FuncAnimation(figure, show, FRAMES).save(path, writer="pillow")
    pyplot.close(figure)


with tempfile.TemporaryDirectory() as folder:
    for name, draw, rounds in (("surface-900x900.png", still, 3), (f"race-{FRAMES}-frames.gif", animated, 1)):
        path = os.path.join(folder, name)
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            draw(path)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"what": name, "who": f"matplotlib {matplotlib.__version__}",
                          "s": min(seconds), "bytes": os.path.getsize(path)}), flush=True)
