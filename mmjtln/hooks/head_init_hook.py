"""A target head that begins at a trained head of other classes, by names."""
from collections.abc import Sequence
from copy import deepcopy

import torch
from mmengine.dist import broadcast
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mmjtln.checkpoints.weights import load_weights, part_stock_head, state_of
from mmjtln.checks.run import is_training, jtln_model
from mmjtln.datasets import ClassList
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import check_choice, check_real, require
from mmjtln.export.stock_data import eval_dataset
from mmjtln.heads import CARRIERS, L2SP, carry_over, weigh_start
from mmjtln.heads.carriers import mix_by, source_weights
from mmjtln.heads.last_layer import with_classes
from mmjtln.heads.linear_fit import told_weight
from mmjtln.heads.logits import head_scores, logits_of
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import run_over_images
from mmjtln.models import JTLNClassifier
from mmjtln.registry import COSTS, HOOKS
from mmjtln.run_config import names_weights, pipeline_in

from .keeping_hook import KeepingHook


@HOOKS.register_module()
class HeadInitHook(KeepingHook):
    r"""Begin the target head at a trained head of other classes, by names.

    Before the first step, with the weights of ``load_from`` there, its last
    layer becomes a mixing of the source head's rows, see
    mmjtln/heads/README.md; layers before it are copied. With ``classes`` it is
    the head in the stock checkpoint ``load_from`` in place of the source's.
    Weight decay pulls it towards this start (:class:`~mmjtln.heads.L2SP`). A
    resumed run goes on with its head and the start in its checkpoint.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``, such as
            ``dict(type='mmjtln.TextCost')``.
        classes (Sequence[str] | str, optional): What the head in
            ``load_from`` knows, as :class:`~mmjtln.datasets.ClassList` takes
            it. Defaults to None, the source classes.
        carrier (str, optional): How a head is mixed. Defaults to None:
            ``'regression'`` for a cost that reads the names with an encoder,
            ``'plan'`` for others.
        weigh (bool): Scale the head by what the training images say of it;
            one that explains none of them begins at zero. Defaults to True.
        l2_sp (float): Strength :math:`\alpha` of :math:`\alpha / 2 \|W -
            W_0\|^2` on the target head, on top of the optimizer's own weight
            decay, which acts on :math:`W - W_0` as well. Defaults to 0.

    Raises:
        ValueError: If an option is out of range, the head to begin at is
            untrained, or a run is resumed from a checkpoint without the
            start.
        TypeError: If the last layer of a head is no ``nn.Linear``.
    """

    # After those that rename the keys of a checkpoint.
    priority = 'LOW'
    key = 'head_init'

    def __init__(self, cost: dict,
                 classes: Sequence[str] | str | None = None,
                 carrier: str | None = None, weigh: bool = True,
                 l2_sp: float = 0.) -> None:
        if carrier is not None:
            check_choice(carrier, 'carrier', 'HeadInitHook', CARRIERS)
        check_real(l2_sp, 'l2_sp', 'HeadInitHook')
        self.builder = COSTS.build(cost)
        vectors = hasattr(self.builder, 'vectors')
        self.carrier = carrier or ('regression' if vectors else 'plan')
        require(vectors or self.carrier in ('plan', 'nearest'),
                f'The carrier {carrier!r} goes by vectors of the class names',
                'but `cost` gives none', "Set it to dict(type='mmjtln."
                "TextCost'), or carrier='plan'")
        self.known = None if classes is None else ClassList(classes)
        self.weigh = weigh
        self.l2_sp = l2_sp
        self._trained = False

    def before_run(self, runner: Runner) -> None:
        """Refuse what cannot be carried over before anything is trained."""
        if not is_training(runner):
            return
        model, dataset = jtln_model(runner), runner.train_dataloader.dataset
        known = dataset.source if self.known is None else self.known
        self.builder.check(known, dataset.target, model)
        require(not self.weigh or eval_dataset(runner.cfg, TARGET), 'A start '
                'is weighed by images as they are in a test', 'but neither '
                '`test_dataloader` nor `val_dataloader` has target data',
                'Set one of them, or `weigh=False` of HeadInitHook')
        self._trained = self.known is None and names_weights(
            [model.init_cfg, model.source_head.init_cfg])
        if self.known is not None and runner._resume:
            return  # Its head has begun.
        self._begin = self._read(runner, model)
        self._trained |= self.known is not None
        # A rehearsal on a copy finds heads that do not fit.
        carry_over(self._begin, deepcopy(model.head), torch.ones(
            len(known.metainfo['classes']), model.class_counts[TARGET]))

    def _read(self, runner: Runner, model: JTLNClassifier) -> nn.Module:
        """Return the head to begin at: the source's, or the checkpoint's."""
        if self.known is None:
            return model.source_head
        path = runner._load_from
        require(path, 'Heads begin at one of other `classes` in a checkpoint',
                'but `load_from` is None', 'Set it to that of a stock '
                'classifier, or leave `classes` of HeadInitHook out')
        state, _ = part_stock_head(CheckpointLoader.load_checkpoint(
            path, 'cpu', logger='silent'), model)
        head = with_classes(model.source_head, model.class_counts[SOURCE],
                            len(self.known.metainfo['classes']))
        load_weights(head, state, f'{path} (its head, of the `classes` of '
                     'HeadInitHook)')
        return head

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """See whether there is a source head, or the start of a run."""
        self._trained |= self.known is None and any(
            key.startswith('source_head.') for key in state_of(checkpoint))
        super().after_load_checkpoint(runner, checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Refuse an untrained source head."""
        require(runner.iter > 0 or self._trained,
                'A source head is carried over once it is trained',
                'but no weights of it were loaded', 'Set `load_from` to the '
                'checkpoint of a classifier of the source classes and add '
                "dict(type='mmjtln.StockCheckpointHook') to `custom_hooks`; "
                'its log line says why where the head was left out')
        if self.kept is not None:
            self._attach(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Carry the head over before the first step."""
        if runner.iter > 0:
            return
        model, dataset = jtln_model(runner), runner.train_dataloader.dataset
        known = dataset.source if self.known is None else self.known
        rows = source_weights(self._begin, len(known.metainfo['classes']))
        _, mixing = mix_by(self.builder, known, dataset.target, rows,
                           self.carrier, model)
        names = carry_over(self._begin, model.head, mixing)
        runner.logger.info(
            'The target head begins at that of '
            f'{"the source" if self.known is None else "`load_from`"}, '
            f'carried over by {self.carrier}: {", ".join(names)}.')
        if self.weigh:
            runner.logger.info(_weigh(runner, model, names))
        for value in model.head.state_dict().values():
            broadcast(value)
        self.kept = {f'head.{name}': parameter.detach().clone()
                     for name, parameter in model.head.named_parameters()}
        self._attach(runner)

    def _attach(self, runner: Runner) -> None:
        L2SP(self.kept, self.l2_sp).attach(
            jtln_model(runner), runner.optim_wrapper.optimizer)


def _weigh(runner: Runner, model: JTLNClassifier, names: list[str]) -> str:
    """Scale the head in place by what the training images say of it."""
    images = DomainImages(runner.train_dataloader.dataset.target, TARGET,
                          pipeline_in(eval_dataset(runner.cfg, TARGET)))
    scores = run_over_images(
        model, images, lambda inputs: logits_of(head_scores(
            model.head, model.extract_feat(inputs))), 'predictions')
    found = weigh_start(scores.double().numpy(), images.labels)
    with torch.no_grad():
        for name in names:
            model.head.get_parameter(name).mul_(found)
    return told_weight(found)
