"""The learning curve as a picture, at the end of a run."""
import os.path as osp

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmjtln.registry import HOOKS
from mmjtln.visualization.heatmap import try_drawing, write_png
from mmjtln.visualization.learning_curve import draw_learning_curve

#: Where in the message hub the iterations of values stand that are not there
#: at each of them. The hub is in the checkpoints: a resumed run draws it all.
_STEPS = 'learning_curve/'


@HOOKS.register_module()
class LearningCurveHook(Hook):
    """Draw every loss and accuracy of a run when it ends.

    What the log has of ``train/*loss*``, ``train/*accuracy*`` and
    ``val/*accuracy*`` is drawn into ``<work_dir>/learning_curve.png``, whole
    curves after a resume, too. It serves stock classifiers as well.
    """

    # After the hook that notes the values.
    priority = 'LOW'

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Note the iteration of a loss that was not there at every one."""
        for key in outputs or ():
            if 'loss' in key and len(_scalar(runner, f'train/{key}')) != (
                    runner.iter + 1):
                runner.message_hub.update_scalar(
                    f'{_STEPS}train/{key}', runner.iter + 1)

    def after_val_epoch(self, runner: Runner,
                        metrics: dict | None = None) -> None:
        """Note the iteration of a validation."""
        runner.message_hub.update_scalar(f'{_STEPS}val', runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Draw."""
        if not is_main_process():
            return
        losses, accuracies = {}, {}
        for name in runner.message_hub.log_scalars:
            part, _, value = name.partition('/')
            if part == 'train' and 'loss' in value:
                losses[value] = _curve(runner, name, name)
            elif part in ('train', 'val') and 'accuracy' in value:
                accuracies[f'{part}: {value}'] = _curve(
                    runner, name, name if part == 'train' else 'val')
        picture = try_drawing(
            draw_learning_curve, losses, accuracies,
            osp.basename(osp.abspath(runner.work_dir)))
        path = osp.join(runner.work_dir, 'learning_curve.png')
        write_png(picture, path)
        runner.logger.info(f'Learning curve drawn to {path}.')


def _scalar(runner: Runner, name: str) -> np.ndarray:
    scalar: HistoryBuffer | None = runner.message_hub.log_scalars.get(name)
    return np.empty(0) if scalar is None else scalar.data[0]


def _curve(runner: Runner, name: str,
           steps: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the iterations and the values of what the log holds."""
    values = _scalar(runner, name)
    found = _scalar(runner, _STEPS + steps)
    # The last ones, where something else was validated or logged before.
    count = min(len(values), len(found)) if len(found) else len(values)
    if not len(found):
        found = np.arange(1, count + 1)
    return found[-count:], values[-count:]
