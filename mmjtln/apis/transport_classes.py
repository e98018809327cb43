"""A classifier of new classes from a stock checkpoint, at once."""
import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import MODELS
from torch import nn
from torchvision.datasets.folder import IMG_EXTENSIONS

from mmjtln.checkpoints.weights import load_weights, part_stock_head
from mmjtln.checks.warnings import look_into_folders, odd_classes
from mmjtln.costs import CostMatrix, TextCost
from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import (
    check_names,
    check_several,
    checkpoint_classes,
    describe_difference,
    read_names,
)
from mmjtln.domains import TARGET
from mmjtln.errors import check_real, refusal, require
from mmjtln.export.export import export_model
from mmjtln.export.stock_data import eval_pipeline
from mmjtln.heads import (
    carry_over,
    fit_linear,
    mixing_weights,
    output_layers,
)
from mmjtln.heads.carriers import source_weights
from mmjtln.heads.linear_fit import (
    DEFAULT_PENALTY,
    CrossValidation,
    cross_validate,
    weighed,
)
from mmjtln.heads.transported import REG, RELAX
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import extract_features
from mmjtln.run_config import read_config

#: Names that mean nothing: what is no nearer than they are is not near.
_MEANINGLESS = ('B06', 'xqzt', 'class 3', 'ztp-88', 'unnamed', 'item 12',
                'qwfp', 'label 7', 'k9x', 'foo bar')
_METHOD = 'A source head transported to new classes, without training'


@dataclass(frozen=True)
class TransportedClasses:
    """What :func:`transport_classes` has made.

    Args:
        files (dict[str, Path]): ``config``, ``checkpoint`` and, where asked
            for, ``onnx`` and ``onnx_card``.
        cost (CostMatrix): Of the class names, L_s x L_t.
        weights (np.ndarray): How each target class is mixed from the source
            classes, shape (L_s, L_t), see
            :func:`~mmjtln.heads.mixing_weights`.
        far (tuple[str, ...]): Target classes to which no source class is
            nearer than to a name that means nothing.
        zero_shot (float, optional): Accuracy on the images, before any of
            them was used, in per cent.
        transported (CrossValidation, optional): Of the head that is pulled
            to the start carried over; None with one image of a class.
        plain (CrossValidation, optional): Of one that is pulled to zero;
            the better of the two is what ``files`` hold.
        start_weight (float, optional): By the images, see
            :func:`~mmjtln.heads.weigh_start`.
    """

    files: dict[str, Path]
    cost: CostMatrix
    weights: np.ndarray
    far: tuple[str, ...]
    zero_shot: float | None = None
    transported: CrossValidation | None = None
    plain: CrossValidation | None = None
    start_weight: float | None = None


def transport_classes(
    config: str | Path | Config,
    checkpoint: str | Path,
    classes: Sequence[str] | str | Path | None = None,
    out_dir: str | Path = 'transported',
    images: str | Path | None = None,
    source_classes: Sequence[str] | str | Path | None = None,
    text: dict | None = None,
    carrier: str = 'regression',
    reg: float = REG,
    relax: float | None = RELAX,
    penalty: float | None = None,
    onnx: bool = False,
) -> TransportedClasses:
    """Turn a stock classifier into one of other classes, by their names.

    Its last layer is carried over by the two lists of class names, see
    :class:`~mmjtln.hooks.HeadInitHook`. No image is needed. With a
    few, that start is weighed by them, and the last layer is fitted on the
    features of the frozen network, pulled to it, see
    :func:`~mmjtln.heads.fit_linear`; or pulled to zero, if that does better
    on images held out.

    Args:
        config (str | Path | Config): Config of a stock classifier, or the
            name of one of MMPretrain's.
        checkpoint (str | Path): Its checkpoint, head included.
        classes (Sequence[str] | str, optional): The new class names, or a
            text file of one a line, with a description behind a tab where a
            name says nothing. They are put into alphabetical order, in which
            folders are numbered. Defaults to None, the folders of ``images``.
        out_dir (str | Path): Folder for the stock config and checkpoint.
            Defaults to ``'transported'``.
        images (str | Path, optional): Folder with a folder of images for each
            class. Defaults to None.
        source_classes (Sequence[str] | str, optional): As
            :class:`~mmjtln.datasets.ClassList` takes them. Defaults to None,
            those that the checkpoint names, else ImageNet's for 1,000.
        text (dict, optional): Options of :class:`~mmjtln.costs.TextCost`,
            such as ``dict(descriptions=...)``. Defaults to None.
        carrier (str): How the head is carried over, see
            :func:`~mmjtln.heads.mixing_weights`. Defaults to
            ``'regression'``.
        reg (float): Weight of the plan's entropy. Defaults to 0.05.
        relax (float, optional): Weight of the penalty for using source
            classes unequally. Defaults to 0.05.
        penalty (float, optional): Strength of the pull. Defaults to None:
            chosen by cross-validation, 0.01 where a class has one image.
        onnx (bool): Whether to write ONNX as well. Defaults to False.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the lists of classes do not fit each other or the
            checkpoint, or an option is out of range.
        TypeError: If the head cannot be carried over, or fitted.
        ImportError: If the extra ``text`` or ``onnx`` is not installed.
    """
    if penalty is not None:
        check_real(penalty, 'penalty', 'transport_classes', with_low=False)
    cfg = read_config(config)
    pipeline = eval_pipeline(cfg, TARGET)
    # Refused before any work.
    mixing_weights(carrier, torch.zeros(1, 1), torch.zeros(1, 1),
                   (np.ones((1, 1)), np.ones((1, 1))), reg, relax)
    few = None if images is None else _image_folder(images, pipeline)
    text = dict(text or {})
    if isinstance(classes, str | Path):
        described = read_names(classes, 'list of classes')
        classes = list(described)
        text['descriptions'] = {
            **{name: told for name, told in described.items() if told},
            **text.get('descriptions', {})}
    target = ClassList(sorted(_target_names(classes, few)))
    check_several(target.metainfo['classes'], TARGET)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')
        if source_classes is None:
            source_classes = (str(checkpoint) if checkpoint_classes(loaded)
                              else 'imagenet')
        source = ClassList(source_classes)
        joint = _joint_config(cfg, source, target, images, pipeline)
        model = MODELS.build(deepcopy(joint.model)).eval()
        _load(model, loaded, checkpoint)
        builder = TextCost(**text)
        cost = builder(source, target)
        weights = mixing_weights(
            carrier, torch.as_tensor(cost.matrix),
            source_weights(model.source_head, len(source.metainfo['classes'])),
            builder.vectors(source, target), reg, relax)
        carry_over(model.source_head, model.head, weights)
        found = {} if few is None else _fit(model, few, penalty)
    meta = dict(dataset_meta=joint.dataset_meta, method=_METHOD)
    files = export_model(joint, model, meta, out_dir, TARGET, onnx)
    far = _far_classes(TextCost(**{**text, 'scale': False}), source,
                       target.metainfo['classes'])
    return TransportedClasses(files, cost, weights.numpy(), far, **found)


def _image_folder(images: str | Path, pipeline: list[dict]) -> DomainImages:
    require(Path(images).is_dir(), 'Images are in a folder for each class',
            f'but there is no folder of images {images}', 'Correct the path',
            FileNotFoundError)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = CustomDataset(data_root=str(images), pipeline=pipeline,
                                extensions=IMG_EXTENSIONS)
    for problem in odd_classes(dataset):
        raise ValueError(f'Each folder of images is a class, but {problem}')
    for problem in look_into_folders(dataset)[1]:
        print_log(problem, logger='current', level=logging.WARNING)
    return DomainImages(dataset, TARGET)


def _target_names(classes: Sequence[str] | None,
                  few: DomainImages | None) -> Sequence[str]:
    """Return the list of names or the folders, the same where both are."""
    if classes is None:
        if few is None:
            raise refusal(
                'The new classes are a list of names or folders of images',
                'but neither is given', 'Set `classes` or `images`')
        return few.classes
    names = sorted(check_names(list(classes), TARGET))
    folders = names if few is None else list(few.classes)
    if folders != names:
        raise refusal(
            'Each class has a folder of images of its name', 'but comparing '
            f'folders with names, {describe_difference(names, folders)}',
            'Rename the folders, or correct the list')
    return names


def _joint_config(cfg: Config, source: ClassList, target: ClassList,
                  images: str | Path | None, pipeline: list[dict]) -> Config:
    """Return a JTLN whose source head is the stock classifier's."""
    known, classes = (list(part.metainfo['classes'])
                      for part in (source, target))
    model = cfg.model.to_dict()
    model.update(type='mmjtln.JTLNClassifier', pretrained=None)
    # There may be fewer classes than the five best.
    model['head'] = dict(model['head'], num_classes=len(classes), topk=(1, ))
    model['source_head'] = dict(num_classes=len(known))
    preprocessor = dict(model.get('data_preprocessor') or cfg.get(
        'data_preprocessor') or {})
    if 'num_classes' in preprocessor:
        preprocessor['num_classes'] = len(classes)
    model['data_preprocessor'] = preprocessor
    dataset = dict(
        type='CustomDataset', data_root=str(images or 'data/target'),
        metainfo=dict(classes=classes), pipeline=pipeline,
        extensions=IMG_EXTENSIONS)
    return Config(dict(
        model=model, test_dataloader=dict(batch_size=32, dataset=dataset),
        dataset_meta=dict(classes=classes, source_classes=known)))


def _load(model: nn.Module, loaded: dict, checkpoint: str | Path) -> None:
    """Load a stock checkpoint, its head as the source head."""
    head, state = part_stock_head(loaded, model)
    state.update({f'source_head.{key}': value for key, value in head.items()})
    load_weights(
        model, state, f'{checkpoint} of {model.class_counts["source"]} source '
        'classes', ('backbone', 'neck', 'source_head'))


def _fit(model: nn.Module, images: DomainImages,
         penalty: float | None) -> dict:
    """Fit the last layer in place, and say how it does."""
    features = extract_features(model, images, 'pre_logits').double().numpy()
    layers = output_layers(model.head, model.class_counts[TARGET])
    layer = next(iter(layers.values()))
    require(len(layers) == 1 and layer.bias is not None
            and features.shape[1] == layer.in_features,
            'A head is fitted to images by its one last layer, with a bias',
            f'but {type(model.head).__name__} has {[*layers.values()]}',
            'Leave the images out, or train with HeadInitHook',
            TypeError)
    start = (layer.weight.detach().double().numpy(),
             layer.bias.detach().double().numpy())
    labels = images.labels
    scores = features @ start[0].T + start[1]
    zero = np.zeros_like(start[0]), np.zeros_like(start[1])
    found = cross_validate(features, labels, start, weigh=True)
    plain = cross_validate(features, labels, zero)
    told, start = weighed(features, labels, start)
    if found is not None and plain is not None and (
            plain.accuracy > found.accuracy):
        start, chosen = zero, plain
    else:
        chosen = found
    if penalty is None:
        penalty = DEFAULT_PENALTY if chosen is None else chosen.penalty
    weight, bias = fit_linear(features, labels, start, penalty)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias.copy_(torch.as_tensor(bias))
    return dict(zero_shot=100 * float((scores.argmax(1) == labels).mean()),
                transported=found, plain=plain, start_weight=told)


def _far_classes(builder: TextCost, source: ClassList,
                 names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes that are as far as what means nothing."""
    meaningless = [name for name in _MEANINGLESS if name not in names]
    nearest = builder(
        source, ClassList([*names, *meaningless])).matrix.min(0)
    limit = np.median(nearest[len(names):])
    return tuple(name for name, least in zip(
        names, nearest[:len(names)], strict=True) if least >= limit)
