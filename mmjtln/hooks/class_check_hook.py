"""The check that all a run needs is there and fits, before its first step."""
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmjtln.checkpoints.weights import check_complete
from mmjtln.checks.class_list import check_class_list, check_stock_head
from mmjtln.checks.classes import (
    check_heads,
    check_joint_loader,
    check_labels,
    check_same_classes,
)
from mmjtln.checks.evaluation import check_evaluator, check_save_best
from mmjtln.checks.images import check_images, name_images
from mmjtln.checks.overview import doubts, overview
from mmjtln.checks.parts import split_datasets
from mmjtln.checks.splits import reused_validation
from mmjtln.datasets.class_lists import describe_difference, domain_classes
from mmjtln.domains import DOMAINS
from mmjtln.registry import HOOKS

from .cost_matrix_hook import CostMatrixHook
from .runner import is_training, jtln_model
from .stock_checkpoint_hook import StockCheckpointHook

_OTHER_CLASSES = (
    'Use the config and data it was trained with, or go on with other '
    'classes in one of two ways: export its weights with `tools/export.py '
    '--domain source` and set `load_from` to the result, with '
    'StockCheckpointHook in `custom_hooks`; or leave `load_from` and set '
    "`model.backbone.init_cfg=dict(type='Pretrained', checkpoint=..., "
    "prefix='backbone.')`.")


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Check the data of all splits, heads and metrics before anything runs.

    Takes the place of MMPretrain's ``ClassNumCheckHook``, which knows one
    class count for the whole model. It checks, and stops the run with one
    error that says what differs and what to set:

    - training data: a :class:`JointDataset` under a :class:`JointSampler`
      that draws each domain with a loss, every target class with at least
      one image; for a source without images
      (a ``ClassList``), no source loss and a checkpoint that brings the
      source head;
    - heads: as many outputs as their domain has classes;
    - the OT loss: a cost matrix, or a hook that builds one;
    - validation and test data: the same class names in the same order;
    - labels of all splits: within the classes of their domain;
    - images: the first of each domain and split loads, shapes and channels
      fit;
    - metrics: each judges one domain, is able to, and computes what
      ``save_best`` names;
    - a checkpoint: trained on the same class names.

    The test set is looked at before training, too. What the run is about to
    do is one line of the log, what looks wrong in it a warning each. A
    validation or test image that cannot be read is named.
    """

    # Ahead of the hooks that copy the model (EMA) or build its cost matrix.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check model and data of a training run."""
        if not is_training(runner):
            return
        model = jtln_model(runner)
        check_joint_loader(runner.train_dataloader, model)
        check_class_list(runner, model)
        datasets = split_datasets(runner)
        train = datasets['train']
        check_heads(model, train, 'train')
        counts = dict(train=check_labels(train, 'train'))
        for split in [name for name in datasets if name != 'train']:
            check_same_classes(datasets[split], train, split)
            keys = check_evaluator(
                getattr(runner, f'{split}_loop').evaluator, datasets[split],
                split, model)
            if split == 'val':
                check_save_best(runner, keys)
            counts[split] = check_labels(datasets[split], split)
        check_images(datasets)
        for split, dataset in datasets.items():
            name_images(dataset, split)
        runner.logger.info(overview(runner, counts))
        for doubt in (*doubts(runner, counts),
                      reused_validation(datasets)):
            if doubt is not None:
                runner.logger.warning(doubt)

    def before_train(self, runner: Runner) -> None:
        """Check that the OT loss has a cost matrix or will get one."""
        ot_loss = jtln_model(runner).ot_loss
        if (ot_loss is not None and not ot_loss.has_cost and not any(
                isinstance(hook, CostMatrixHook) for hook in runner.hooks)):
            raise ValueError(
                'The OT loss needs a cost matrix, but it has none and no hook '
                'builds one. Add dict(type=\'mmjtln.CostMatrixHook\', '
                'cost=dict(type=...)) to `custom_hooks`, or train jointly '
                'without the OT term: `model.ot_loss=None`.')

    def before_test(self, runner: Runner) -> None:
        """Check the test data against the heads, unless training has."""
        if is_training(runner):
            return
        model = jtln_model(runner)
        dataset = runner.test_dataloader.dataset
        check_heads(model, dataset, 'test')
        check_evaluator(runner.test_loop.evaluator, dataset, 'test', model)
        check_labels(dataset, 'test')
        check_images(dict(test=dataset))
        name_images(dataset, 'test')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a JTLN checkpoint of another pair of label sets.

        MMEngine loads what fits and only warns of the rest.
        """
        own = jtln_model(runner).state_dict()
        state = {
            key: value
            for key, value in checkpoint.get('state_dict', checkpoint).items()
            if isinstance(value, Tensor)}
        check_complete(state, own, needed=(
            not is_training(runner) or runner._resume))
        if not any(key.removeprefix('module.').startswith('source_head.')
                   for key in state):
            # A stock checkpoint.
            if is_training(runner):
                check_stock_head(runner, StockCheckpointHook)
            if (any(isinstance(hook, StockCheckpointHook)
                    for hook in runner.hooks)
                    or not any(key.startswith('head.') for key in state)):
                return  # Its head does not come in.
        for key, value in state.items():
            if (key.startswith(('head.', 'source_head.')) and key in own
                    and own[key].shape != value.shape):
                raise ValueError(
                    f'The checkpoint is for other classes: its `{key}` has '
                    f'shape {tuple(value.shape)}, this model\'s '
                    f'{tuple(own[key].shape)}. {_OTHER_CLASSES}')
        loader = (
            runner.train_dataloader
            if is_training(runner) else runner.test_dataloader)
        trained = checkpoint.get('meta', {}).get('dataset_meta') or {}
        for domain in DOMAINS:
            expected = domain_classes(trained, domain)
            found = domain_classes(loader.dataset.metainfo, domain)
            if None not in (expected, found) and expected != found:
                raise ValueError(
                    f'The checkpoint is for other {domain} classes than the '
                    'data set\'s: '
                    f'{describe_difference(expected, found)}. '
                    f'{_OTHER_CLASSES}')
