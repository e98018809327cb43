"""Losses and accuracies over the iterations of a run."""
from collections.abc import Mapping

import numpy as np

from .heatmap import new_figure, rendered

#: Points to which long curves are thinned, and windows of running means.
_POINTS, _WINDOWS = 200, 20


def draw_learning_curve(
        losses: Mapping[str, tuple[np.ndarray, np.ndarray]],
        accuracies: Mapping[str, tuple[np.ndarray, np.ndarray]],
        title: str = '') -> np.ndarray:
    """Draw losses beside accuracies (%): RGB, (H, W, 3), uint8."""
    figure = new_figure((11., 4.), layout='constrained')
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(1, 2)
    for axes, curves, label in ((panels[0], losses, 'loss'),
                                (panels[1], accuracies, 'accuracy, %')):
        for name, (steps, values) in curves.items():
            if name.startswith('val'):
                axes.plot(steps, values, label=name, marker='o', markersize=3)
                continue
            steps, values = thinned(steps, values)
            line, = axes.plot(steps, running_mean(values), label=name)
            axes.plot(steps, values, color=line.get_color(), alpha=.3,
                      linewidth=.7, zorder=1)
        axes.set_xlabel('iteration')
        axes.set_ylabel(label)
        axes.grid(alpha=.3)
        if curves:
            axes.legend(fontsize=8)
    return rendered(figure)


def running_mean(values: np.ndarray) -> np.ndarray:
    """Take the mean of each value and its neighbours, as many as there are."""
    window = np.ones(len(values) // _WINDOWS // 2 * 2 + 1)
    return (np.convolve(values, window, 'same')
            / np.convolve(np.ones(len(values)), window, 'same'))


def thinned(steps: np.ndarray,
            values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take means over windows of equal size, some 200 of a long curve."""
    window = -(-len(values) // _POINTS)
    if window < 2:
        return steps, values
    starts = np.arange(0, len(values), window)
    sizes = np.diff([*starts, len(values)])
    return (np.add.reduceat(np.asarray(steps, float), starts) / sizes,
            np.add.reduceat(np.asarray(values, float), starts) / sizes)
