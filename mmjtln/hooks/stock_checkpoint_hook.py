"""Starting from the checkpoint of a stock classifier."""
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmjtln.checkpoints.weights import part_stock_head, state_of
from mmjtln.checks.run import domain_parts, is_training, jtln_model
from mmjtln.datasets.class_lists import (
    checkpoint_classes,
    domain_classes,
    names_match,
)
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import require
from mmjtln.registry import HOOKS

_PREFIX = {TARGET: 'head.', SOURCE: 'source_head.'}


@HOOKS.register_module()
class StockCheckpointHook(Hook):
    """Give a stock checkpoint's head to the domain that it knows.

    ``load_from`` takes the checkpoint of a stock classifier. Backbone and neck
    load as they are. The head initialises the head of each domain for which it
    fits: layers of the same names and shapes and, where the checkpoint names
    its classes (``meta.dataset_meta.classes`` or ``meta.CLASSES``), the same
    names, or :func:`~mmjtln.datasets.class_lists.short_names`, in the same
    order. Without names, shapes decide if they fit one domain only. Else both
    heads start afresh; one log line says what was done and why. A checkpoint
    with a ``source_head`` is left as it is.

    Raises:
        ValueError: If the checkpoint holds no weights of the backbone, or its
            head is left out in a test or for a source without images.
    """

    # After ClassCheckHook, which takes a checkpoint with two heads for one of
    # JTLN's own, and before hooks that copy the checkpoint (EMA).
    priority = 'HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Rename or remove the keys of the head, in place."""
        if any(key.startswith(_PREFIX[SOURCE])
               for key in state_of(checkpoint)):
            return
        model = jtln_model(runner)
        head, others = part_stock_head(checkpoint, model)
        training = is_training(runner)
        dataset = (runner.train_dataloader if training
                   else runner.test_dataloader).dataset
        names = {domain: domain_classes(dataset.metainfo, domain)
                 for domain in DOMAINS}
        chosen, reason = _choose(head, model.state_dict(),
                                 checkpoint_classes(checkpoint), names)
        require(not training or dataset.source_length or SOURCE in chosen,
                'The classifier of a source without images must come from '
                'the checkpoint', 'but the head there does not initialise '
                f'`source_head` ({reason})', 'Set `model.source_head` to the '
                'kind of head and number of classes of the checkpoint, and '
                "`source.classes` to its names, such as classes='checkpoint'")
        untrained = sorted(domain_parts(dataset).keys() - set(chosen))
        require(training or not untrained, 'A test needs trained heads',
                'but that of the stock checkpoint does not fit the '
                f'{"".join(untrained[:1])} data of `test_dataloader`: '
                f'{reason}', 'Test a checkpoint of this run, or set the '
                'classes to those of the checkpoint')
        state = checkpoint.get('state_dict', checkpoint)
        state.clear()
        state.update(others, **{_PREFIX[domain] + key: value
                                for domain in chosen
                                for key, value in head.items()})
        taken = ' and '.join(
            f'initialises `{_PREFIX[domain][:-1]}`' for domain in chosen)
        runner.logger.info(
            'Stock checkpoint: its head '
            f'{taken or "is left out, both heads start afresh"} ({reason}).')


def _choose(head: dict[str, Tensor], own: dict[str, Tensor],
            classes: tuple | None, names: dict) -> tuple[list[str], str]:
    """Choose the domains that a stock head serves, and say why."""
    if not head:
        return [], 'it has none'
    shapes = {key: value.shape for key, value in head.items()}
    fitting = [domain for domain, prefix in _PREFIX.items() if shapes == {
        key.removeprefix(prefix): value.shape
        for key, value in own.items() if key.startswith(prefix)}]
    if not fitting:
        return [], ('its layers have other shapes than those of `head` and '
                    '`source_head`: another kind of head or number of classes')
    if classes is not None:
        chosen = [domain for domain in fitting
                  if names_match(classes, names[domain])]
        if chosen:
            return chosen, 'same class names'
        same_set = [domain for domain in fitting
                    if set(names[domain] or ()) == set(classes)]
        return [], (f'its classes are those of the {same_set[0]} data in '
                    'another order' if same_set else 'its class names are '
                    f'those of neither data set, {", ".join(classes[:3])}, '
                    '...')
    known = {names[domain] for domain in fitting}
    if len(fitting) == 1 or (len(known) == 1 and None not in known):
        return fitting, 'by its shapes, the checkpoint names no classes'
    return [], ('it names no classes and its shapes fit both domains; put '
                "the names into the checkpoint's meta.dataset_meta.classes to "
                'have it used')
