"""A classifier of new classes from a stock checkpoint, at once."""
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.checkpoints.weights import part_stock_head
from mmjtln.costs import CostMatrix, TextCost
from mmjtln.datasets import ClassList
from mmjtln.export import export_classifier
from mmjtln.heads import carry_over, fit_linear, output_layers, plan_weights
from mmjtln.heads.linear_fit import (
    DEFAULT_PENALTY,
    CrossValidation,
    cross_validate,
)
from mmjtln.heads.transported import REG, RELAX
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import extract_features
from mmjtln.run_config import pipeline_in

from .transport_inputs import (
    image_folder,
    read_classes,
    read_config,
    source_list,
    target_names,
    test_dataset,
)

#: Names that mean nothing: what is no nearer than they are is not near.
_MEANINGLESS = ('B06', 'xqzt', 'class 3', 'ztp-88', 'unnamed', 'item 12',
                'qwfp', 'label 7', 'k9x', 'foo bar')


@dataclass(frozen=True)
class TransportedClasses:
    """What :func:`transport_classes` has made.

    Args:
        files (dict[str, Path]): ``config``, ``checkpoint`` and, where asked
            for, ``onnx`` and ``onnx_card``.
        cost (CostMatrix): Of the class names, L_s x L_t.
        shares (np.ndarray): What share of each target class's mass comes from
            each source class, shape (L_s, L_t).
        far (tuple[str, ...]): Target classes to which no source class is
            nearer than to a name that means nothing.
        zero_shot (float, optional): Accuracy on the images, before any of
            them was used, in per cent.
        transported (CrossValidation, optional): Of the head that is pulled
            to the transported start; None with fewer than two images of a
            class.
        plain (CrossValidation, optional): Of one that is pulled to zero.
    """

    files: dict[str, Path]
    cost: CostMatrix
    shares: np.ndarray
    far: tuple[str, ...]
    zero_shot: float | None = None
    transported: CrossValidation | None = None
    plain: CrossValidation | None = None


def transport_classes(
    config: str | Path | Config,
    checkpoint: str | Path,
    classes: Sequence[str] | str | Path | None = None,
    out_dir: str | Path = 'transported',
    images: str | Path | None = None,
    source_classes: Sequence[str] | str | Path | None = None,
    text: dict | None = None,
    reg: float = REG,
    relax: float | None = RELAX,
    penalty: float | None = None,
    onnx: bool = False,
) -> TransportedClasses:
    """Turn a stock classifier into one of other classes, by their names.

    Its last layer is carried over by the relaxed transport plan between the
    two lists of class names, see :class:`~mmjtln.hooks.TransportedHeadHook`.
    No image is needed. With a few, the last layer is then fitted on the
    features of the frozen network, pulled to that start, see
    :func:`~mmjtln.heads.fit_linear`.

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
        reg (float): Weight of the plan's entropy. Defaults to 0.05.
        relax (float, optional): Weight of the penalty for using source
            classes unequally. Defaults to 0.05.
        penalty (float, optional): Strength of the pull. Defaults to None:
            chosen by cross-validation, 0.01 where a class has one image.
        onnx (bool): Whether to write ONNX as well. Defaults to False.

    Returns:
        TransportedClasses: The files, and what was found.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the lists of classes do not fit each other or the
            checkpoint, or an option is out of range.
        TypeError: If the head cannot be carried over, or fitted.
        ImportError: If the extra ``text`` or ``onnx`` is not installed.
    """
    cfg = read_config(config)
    pipeline = pipeline_in(test_dataset(cfg))
    dataset = None if images is None else image_folder(images, pipeline)
    text = dict(text or {})
    if isinstance(classes, (str, Path)):
        classes, described = read_classes(Path(classes))
        text['descriptions'] = {**described, **text.get('descriptions', {})}
    target = ClassList(sorted(target_names(classes, dataset)))
    names = target.metainfo['classes']
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')
        source = ClassList(source_list(source_classes, loaded, checkpoint))
        joint = _joint_config(cfg, source, target, images, pipeline)
        model = _load(joint, loaded, checkpoint)
        cost = TextCost(**text)(source, target)
        shares = plan_weights(torch.as_tensor(cost.matrix), reg, relax)
        carry_over(model.source_head, model.head, shares)
        found = {} if dataset is None else _fit(model, dataset, penalty)
        files = _export(joint, model, cost, out_dir, onnx)
    far = _far_classes(TextCost(**{**text, 'scale': False}), source,
                       names)
    return TransportedClasses(files, cost, shares.numpy(), far, **found)


def _joint_config(cfg: Config, source: ClassList, target: ClassList,
                  images: str | Path | None, pipeline: list[dict]) -> Config:
    """Return a JTLN whose source head is the stock classifier's."""
    counts = [len(part.metainfo['classes']) for part in (source, target)]
    model = cfg.model.to_dict()
    model.update(type='mmjtln.JTLNClassifier', pretrained=None)
    # There may be fewer classes than the five best.
    model['head'] = dict(model['head'], num_classes=counts[1], topk=(1, ))
    model['source_head'] = dict(num_classes=counts[0])
    preprocessor = dict(model.get('data_preprocessor') or cfg.get(
        'data_preprocessor') or {})
    if 'num_classes' in preprocessor:
        preprocessor['num_classes'] = counts[1]
    model['data_preprocessor'] = preprocessor
    return Config(dict(
        default_scope='mmpretrain', model=model,
        test_dataloader=dict(
            batch_size=32, num_workers=0, dataset=dict(
                type='CustomDataset', data_root=str(images or 'data/target'),
                metainfo=dict(classes=list(target.metainfo['classes'])),
                pipeline=pipeline)),
        dataset_meta=dict(classes=list(target.metainfo['classes']),
                          source_classes=list(source.metainfo['classes']))))


def _load(cfg: Config, loaded: dict, checkpoint: str | Path) -> nn.Module:
    """Build the model and load the checkpoint, its head as source head.

    Raises:
        ValueError: If the checkpoint is of another network or head.
    """
    model = MODELS.build(deepcopy(cfg.model))
    head, state = part_stock_head(loaded, model)
    state.update({f'source_head.{key}': value for key, value in head.items()})
    wanted = {key: tuple(value.shape)
              for key, value in model.state_dict().items()
              if not key.startswith(('head.', 'ot_loss.'))}
    wrong = [key for key, shape in wanted.items()
             if key not in state or tuple(state[key].shape) != shape]
    if wrong:
        raise ValueError(
            f'The checkpoint {checkpoint} is not one of this config and these '
            f'{cfg.model.source_head.num_classes} source classes: '
            f'{len(wrong)} weights are missing or of another shape, '
            f'{wrong[:3]}. Give the config it was trained with, or name its '
            'classes (source_classes).')
    model.load_state_dict({key: state[key] for key in wanted}, strict=False)
    return model.eval()


def _fit(model: nn.Module, dataset: CustomDataset,
         penalty: float | None) -> dict:
    """Fit the last layer in place, and say how it does."""
    ends = output_layers(model.head, model.class_counts['target'])
    images = DomainImages(dataset, 'target')
    features = extract_features(model, images, 'pre_logits').numpy()
    layer, = ends.values() if len(ends) == 1 else [None]
    if (layer is None or layer.bias is None
            or features.shape[1] != layer.in_features):
        raise TypeError(
            'The last layer is fitted alone, for which a head needs one, with '
            'a bias, that takes what is before it, but '
            f'{type(model.head).__name__} has {len(ends)}, or other ones. '
            'Leave the images out, or train with TransportedHeadHook.')
    start = tuple(part.detach().double().numpy()
                  for part in (layer.weight, layer.bias))
    features, labels = features.astype(np.float64), images.labels
    scores = features @ start[0].T + start[1]
    found = cross_validate(features, labels, start)
    plain = cross_validate(features, labels,
                           tuple(map(np.zeros_like, start)))
    if penalty is None:
        penalty = DEFAULT_PENALTY if found is None else found.penalty
    weight, bias = fit_linear(features, labels, start, penalty)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias.copy_(torch.as_tensor(bias))
    return dict(zero_shot=100 * float((scores.argmax(1) == labels).mean()),
                transported=found, plain=plain)


def _export(cfg: Config, model: nn.Module, cost: CostMatrix,
            out_dir: str | Path, onnx: bool) -> dict[str, Path]:
    """Write the target classifier in MMPretrain's own types."""
    model.ot_loss.set_cost(cost)
    with tempfile.TemporaryDirectory() as folder:
        # Beside the checkpoint, as a run leaves it, for the model card.
        cost.save(Path(folder, 'cost_matrix.npz'))
        path = Path(folder, 'joint.pth')
        torch.save(dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=cfg.dataset_meta.to_dict(),
                      method='Classes carried over by optimal transport')),
            path)
        return export_classifier(cfg, path, out_dir, 'target', onnx)


def _far_classes(builder: TextCost, source: ClassList,
                 names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes that are as far as what means nothing."""
    meaningless = [name for name in _MEANINGLESS if name not in names]
    nearest = builder(
        source, ClassList([*names, *meaningless])).matrix.min(0)
    limit = np.median(nearest[len(names):])
    return tuple(name for name, least in zip(
        names, nearest[:len(names)], strict=True) if least >= limit)
