"""The check that data, heads and cost matrix speak of the same classes."""
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.class_lists import describe_difference, domain_classes
from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.registry import HOOKS

from .cost_matrix_hook import CostMatrixHook
from .runner import is_training, jtln_model


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Compare class names and counts, per domain, before anything runs.

    Takes the place of MMPretrain's ``ClassNumCheckHook``, which knows one
    class count for the whole model. It checks, and stops the run with one
    error that says what differs and what to set:

    - training data: a :class:`JointDataset` under a :class:`JointSampler`,
      every target class with at least one image;
    - heads: as many outputs as their domain has classes;
    - the OT loss: a cost matrix, or a hook that builds one;
    - validation and test data: the same class names in the same order;
    - a checkpoint: trained on the same class names.
    """

    # Ahead of the hooks that copy the model (EMA) or build its cost matrix.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check model, training data and validation data."""
        if not is_training(runner):
            return
        model = jtln_model(runner)
        dataset = runner.train_dataloader.dataset
        self._check_train_data(runner.train_dataloader)
        self._check_heads(model, dataset)
        if runner.val_loop is not None:
            self._check_eval_data('val', runner.val_dataloader.dataset,
                                  dataset)

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
        """Check the test data against the heads."""
        self._check_heads(
            jtln_model(runner), runner.test_dataloader.dataset, split='test')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a JTLN checkpoint of another pair of label sets.

        MMEngine loads what fits and only warns of the rest.
        """
        own = jtln_model(runner).state_dict()
        state = checkpoint.get('state_dict', checkpoint)
        if not any(key.startswith('source_head.') for key in state):
            return  # A stock checkpoint; its head is not ours.
        for key, value in state.items():
            if (key.startswith(('head.', 'source_head.')) and key in own
                    and own[key].shape != value.shape):
                raise ValueError(
                    f'The checkpoint is for other classes: its `{key}` has '
                    f'shape {tuple(value.shape)}, this model\'s '
                    f'{tuple(own[key].shape)}. Use the config it was trained '
                    'with, or start from another checkpoint.')
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
                    f'{describe_difference(expected, found)}. Use the '
                    'data it was trained on, or start from another '
                    'checkpoint.')

    @staticmethod
    def _check_train_data(loader) -> None:
        dataset, sampler = loader.dataset, loader.batch_sampler
        if not isinstance(dataset, JointDataset):
            raise TypeError(
                'A JTLNClassifier trains on a source and a target data set, '
                'but `train_dataloader.dataset` is a '
                f'{type(dataset).__name__}. Wrap the two in '
                "dict(type='mmjtln.JointDataset', source=..., target=...).")
        if not isinstance(sampler, JointSampler):
            raise TypeError(
                'Every batch must hold images of both domains, but '
                '`train_dataloader.batch_sampler` is a '
                f'{type(sampler).__name__}. Set it to '
                "dict(type='mmjtln.JointSampler').")
        missing = [
            dataset.target_classes[label]
            for label in dataset.missing_classes(TARGET)
        ]
        if missing:
            raise ValueError(
                'Every target class needs a training image, but '
                f'{len(missing)} have none: {", ".join(missing[:10])}'
                f'{", ..." if len(missing) > 10 else ""}. Add images of them '
                'to `train_dataloader.dataset.target` or take them off its '
                'class list.')

    @staticmethod
    def _check_heads(model, dataset, split: str = 'train') -> None:
        heads = {TARGET: 'head', SOURCE: 'source_head'}
        for domain in DOMAINS:
            classes = domain_classes(dataset.metainfo, domain)
            count = model.class_counts[domain]
            if classes is not None and len(classes) != count:
                raise ValueError(
                    f'The {domain} head must have one output a class, but '
                    f'`model.{heads[domain]}.num_classes` is {count} and the '
                    f'{domain} {split} data set has {len(classes)} classes. '
                    f'Set `model.{heads[domain]}.num_classes`.')

    @staticmethod
    def _check_eval_data(split: str, dataset, train_dataset) -> None:
        for domain in DOMAINS:
            classes = domain_classes(dataset.metainfo, domain)
            trained = domain_classes(train_dataset.metainfo, domain)
            if classes is not None and classes != trained:
                raise ValueError(
                    f'The {split} data set must have the {domain} classes of '
                    f'the training data in the same order, but '
                    f'{describe_difference(trained, classes)}. Change '
                    f'`{split}_dataloader.dataset`.')
