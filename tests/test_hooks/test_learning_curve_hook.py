"""The learning curve is what the log says, whole after a resume."""
import copy
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.hooks import learning_curve_hook
from mmjtln.visualization.learning_curve import running_mean, thinned


class Stop(Hook):
    """Stop after an epoch, as Ctrl-C would."""

    priority = 'LOWEST'

    def after_val_epoch(self, runner, metrics=None):
        if runner.epoch == 2:
            raise KeyboardInterrupt


class Noted(Hook):
    """Note losses and validation accuracies with their iterations."""

    priority = 'LOWEST'

    def __init__(self):
        self.values = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        for key, value in outputs.items():
            self.values.setdefault(key, []).append(
                (runner.iter + 1, value.item()))

    def after_val_epoch(self, runner, metrics=None):
        for key, value in metrics.items():
            self.values.setdefault(f'val: {key}', []).append(
                (runner.iter, value))


def test_curve_of_stopped_and_resumed_run(tiny_run, tmp_path, monkeypatch):
    """Each curve has its iterations, the OT loss zeros before it begins.

    An uninterrupted run, noted by another hook, is the oracle.
    """
    drawn = []
    draw = learning_curve_hook.draw_learning_curve
    monkeypatch.setattr(
        learning_curve_hook, 'draw_learning_curve',
        lambda *args: drawn.append(args) or draw(*args))
    tiny_run.train_cfg.max_epochs = 4
    tiny_run.model.update(
        lambda_ot=dict(value=1., begin=0.5))
    tiny_run.model.head.update(cal_acc=True)
    tiny_run.default_hooks.learning_curve = dict(
        type='mmjtln.LearningCurveHook')
    whole = copy.deepcopy(tiny_run)
    whole.work_dir = str(tmp_path / 'whole')
    noted = Noted()
    runner = Runner.from_cfg(whole)
    runner.register_hook(noted)
    runner.train()
    losses, accuracies, _ = drawn.pop()
    assert {'target_loss', 'source_loss', 'ot_loss', 'loss'} == set(losses)
    assert {'val: target/accuracy/top1', 'val: source/accuracy/top1',
            'train: target_accuracy_top-1', 'train: source_accuracy_top-1'
            } == set(accuracies)
    for name, (steps, values) in {**losses, **accuracies}.items():
        expected = np.array(noted.values[name.removeprefix('train: ')])
        np.testing.assert_array_equal(steps, expected[:, 0], name)
        np.testing.assert_allclose(values, expected[:, 1], rtol=1e-6)
    steps, values = losses['ot_loss']
    assert steps.tolist() == list(range(1, 13))
    assert (values[:6] == 0).all() and (values[6:] != 0).all()

    stopped = Runner.from_cfg(copy.deepcopy(tiny_run))
    stopped.register_hook(Stop())
    try:
        stopped.train()
    except KeyboardInterrupt:
        assert not drawn
    tiny_run.resume = True
    Runner.from_cfg(tiny_run).train()
    again = drawn.pop()
    for before, after in zip((losses, accuracies), again[:2], strict=True):
        assert before.keys() == after.keys()
        for name, curve in before.items():
            np.testing.assert_array_equal(curve, after[name], name)
    picture = imread(Path(tiny_run.work_dir, 'learning_curve.png'))
    assert picture.shape[:2] == (400, 1100)
    assert Path(tiny_run.work_dir, 'cost_matrix.png').is_file()


def test_long_curves_are_means():
    """Of neighbours, the last of which can be fewer; short ones stay."""
    values = np.arange(1001.)
    steps, means = thinned(np.arange(1001), values)
    assert len(steps) <= 200
    np.testing.assert_allclose(means[0], values[:6].mean())
    np.testing.assert_allclose(means[-1], values[996:].mean())
    np.testing.assert_allclose(steps, means)
    assert thinned(values[:5], values[:5])[1] is not None
    np.testing.assert_array_equal(thinned(values[:5], values[:5])[1],
                                  values[:5])


@pytest.mark.parametrize('size', [1, 5, 39, 40, 200])
def test_running_means(size):
    """Of a twentieth of the curve around each value; fewer at the ends."""
    values = np.random.default_rng(0).random(size)
    half = size // 40
    np.testing.assert_allclose(running_mean(values), [
        values[max(i - half, 0):i + half + 1].mean() for i in range(size)])
