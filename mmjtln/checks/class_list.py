"""Rule: a source without images is a checkpoint with its classifier."""

from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE
from mmjtln.models import JTLNClassifier


def check_class_list(runner: Runner, model: JTLNClassifier) -> None:
    """Refuse what needs source images where there are none.

    Args:
        runner (Runner): With its training loop.
        model (JTLNClassifier): Its model, not wrapped.

    Raises:
        ValueError: If there is a source loss, an OT term on source images, or
            nothing that the source head could come from.
    """
    if not _without_images(runner.train_dataloader.dataset):
        return
    what = 'The source is a list of class names without images, '
    if not model.lambda_s.is_zero:
        raise ValueError(
            what + 'so there is no source loss, but `model.lambda_s` is not '
            '0. Set `model.lambda_s=0`.')
    if model.ot_loss is not None and SOURCE in model.ot_domains:
        raise ValueError(
            what + "but the OT term is taken on source images. Set "
            "`model.ot_images='target'`.")
    pretrained = 'Pretrained' in str([model.init_cfg,
                                      model.source_head.init_cfg])
    if runner._load_from is None and not runner._resume and not pretrained:
        raise ValueError(
            what + 'so what is known of the source is a checkpoint with its '
            'classifier, but there is none. Set `load_from` to a checkpoint '
            'trained on these classes.')


def check_stock_head(runner: Runner, hook_type: type) -> None:
    """Refuse to lose the head of a stock checkpoint that is the source.

    Args:
        runner (Runner): That of a training run.
        hook_type (type): The hook that makes it the source head.

    Raises:
        ValueError: If the run has no such hook.
    """
    if _without_images(runner.train_dataloader.dataset) and not any(
            isinstance(hook, hook_type) for hook in runner.hooks):
        raise ValueError(
            'The source is a list of class names without images, and the '
            'checkpoint is that of a stock classifier, whose head is to be '
            f"the source head. Add dict(type='mmjtln.{hook_type.__name__}') "
            'to `custom_hooks`.')


def _without_images(dataset: Dataset) -> bool:
    return dataset.source_length == 0
