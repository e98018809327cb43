"""What the hooks ask of a joint run: its model and its class lists."""
from collections.abc import Sequence

from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

from mmjtln.domains import SOURCE
from mmjtln.models import JTLNClassifier


def is_training(runner: Runner) -> bool:
    """Whether the run trains, not only tests."""
    return (runner._train_loop is not None
            and not isinstance(runner._train_loop, dict))


def jtln_model(runner: Runner) -> JTLNClassifier:
    """Return the runner's model without what wraps it.

    Wrappers are those of distributed training and test-time augmentation.

    Raises:
        TypeError: If it is no JTLNClassifier.
    """
    model = runner.model
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    if not isinstance(model, JTLNClassifier):
        raise TypeError(
            'The hooks of mmjtln serve a JTLNClassifier, but `model.type` is '
            f'{type(model).__name__}. Set it to mmjtln.JTLNClassifier or '
            'remove the hooks from `custom_hooks`.')
    return model


def class_names(dataset, domain: str) -> tuple[str, ...] | None:
    """Return the class names of a domain in a data set.

    A data set that is no :class:`JointDataset` is a target data set.

    Returns:
        tuple[str] | None: None if the data set holds nothing of the domain.
    """
    key = 'source_classes' if domain == SOURCE else 'classes'
    classes = dataset.metainfo.get(key)
    return None if classes is None else tuple(classes)


def describe_difference(expected: Sequence[str], found: Sequence[str]) -> str:
    """Say in words how two class lists differ."""
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    if missing or unknown:
        return f'it lacks {missing[:10]} and adds {unknown[:10]}'
    if len(expected) != len(found):
        return f'it has {len(found)} names instead of {len(expected)}'
    row = next(i for i, name in enumerate(expected) if found[i] != name)
    return (f'the order differs from class {row} on ({found[row]!r} instead '
            f'of {expected[row]!r})')
