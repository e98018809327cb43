"""The learning curve as a picture, at the end of a run."""
import os.path as osp

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.registry import HOOKS
from mmjtln.visualization.heatmap import try_drawing, write_png
from mmjtln.visualization.learning_curve import draw_learning_curve

#: Where in the message hub the iterations of validations stand. The hub is in
#: the checkpoints: a resumed run draws it all.
_STEPS = 'learning_curve/val'


@HOOKS.register_module()
class LearningCurveHook(Hook):
    """Draw every loss and accuracy of a run when it ends.

    What the log has of ``train/*loss*``, ``train/*accuracy*`` and
    ``val/*accuracy*`` is drawn into ``<work_dir>/learning_curve.png``, whole
    curves after a resume, too. It serves stock classifiers as well.
    """

    # After the hook that notes the values.
    priority = 'LOW'

    def after_val_epoch(self, runner: Runner,
                        metrics: dict | None = None) -> None:
        """Note the iteration of a validation."""
        runner.message_hub.update_scalar(_STEPS, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Draw."""
        if not is_main_process():
            return
        losses, accuracies = {}, {}
        scalars = runner.message_hub.log_scalars
        for name, history in scalars.items():
            part, _, value = name.partition('/')
            values = history.data[0]
            steps = np.arange(1, len(values) + 1)
            if part == 'val' and _STEPS in scalars:
                # The last ones, where something else was validated before.
                steps = scalars[_STEPS].data[0][-len(values):]
                values = values[-len(steps):]
            if part == 'train' and 'loss' in value:
                losses[value] = steps, values
            elif part in ('train', 'val') and 'accuracy' in value:
                accuracies[f'{part}: {value}'] = steps, values
        picture = try_drawing(
            draw_learning_curve, losses, accuracies,
            osp.basename(osp.abspath(runner.work_dir)))
        path = osp.join(runner.work_dir, 'learning_curve.png')
        write_png(picture, path)
        runner.logger.info(f'Learning curve drawn to {path}.')
