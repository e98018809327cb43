"""A classifier of new classes from a stock one, at once."""
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from mmjtln.checkpoints.networks import stock_network
from mmjtln.checkpoints.weights import load_weights, part_stock_head
from mmjtln.checks.folders import class_folders
from mmjtln.costs import CostMatrix, TextCost
from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import (
    check_names,
    check_several,
    checkpoint_classes,
    describe_difference,
    read_names,
)
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import check_real, refusal, require
from mmjtln.export.export import export_model
from mmjtln.export.onnx_export import check_packages
from mmjtln.export.stock_data import eval_pipeline
from mmjtln.files.atomic_file import check_out
from mmjtln.files.user_files import IMG_EXTENSIONS, check_copies
from mmjtln.heads import carry_over
from mmjtln.heads.carriers import mix_by, source_weights
from mmjtln.heads.linear_fit import told_weight
from mmjtln.heads.selection import TUNED, estimate, fold_count
from mmjtln.inference.domain_images import DomainImages
from mmjtln.run_config import is_jtln

from .fitting import ZERO, Few, fit_few

NETWORK = 'timm:tf_efficientnet_lite0'
_METHOD = 'A head carried over to new classes by their names'
#: Names that mean nothing: what is no nearer than they are is not near.
_MEANINGLESS = ('B06', 'xqzt', 'class 3', 'ztp-88', 'unnamed', 'item 12',
                'qwfp', 'label 7', 'k9x', 'foo bar')


@dataclass(frozen=True)
class Adapted:
    """What :func:`adapt` has made.

    Args:
        files (dict[str, Path]): ``config``, ``checkpoint`` and, where asked
            for, ``onnx`` and ``onnx_card``.
        cost (CostMatrix): Of the class names, L_s x L_t.
        weights (np.ndarray): How each class is mixed from those of the
            network, (L_s, L_t), see :func:`~mmjtln.heads.mixing_weights`.
        far (tuple[str, ...]): Classes to which no class of the network is
            nearer than to a name that means nothing.
        few (Few, optional): With images.
    """

    files: dict[str, Path]
    cost: CostMatrix
    weights: np.ndarray
    far: tuple[str, ...]
    few: Few | None = None

    def nearest(self, label: int, top: int = 4) -> list[tuple[str, float]]:
        """Return the classes that one is mixed of most, and their shares."""
        # What it is mixed against is not near.
        shares = self.weights[:, label].clip(0)
        return [(self.cost.source_classes[i], float(shares[i] / shares.sum()))
                for i in np.argsort(-shares, kind='stable')[:top] if shares[i]]

    def remarks(self) -> list[str]:
        """Say what a reader of the accuracies should know."""
        few, found = self.few, []
        if self.far:
            found.append(
                'WARNING: no class of the network is nearer to '
                f'{", ".join(self.far)} than to a name that means nothing. '
                'Describe them, behind a tab in the list of names'
                + ', or give images' * (few is None) + '.')
        if few is None:
            return found
        told = ', '.join(f'{name} {w:.2f}' for name, w in few.weights.items())
        found.append(told_weight(sum(few.weights.values())) if len(
            few.weights) == 1 else 'The heads by names and of the source '
            f'explain your images by their weights: {told}.')
        if few.selection is None:
            return [*found, 'With one image of a class none can be held out: '
                    'nothing is chosen, and only the names alone are judged.']
        start, penalty = few.fitted
        if not sum(few.weights.values()):
            start = ZERO + TUNED * start.endswith(TUNED)
        found.append(
            f'Written: the head fitted from {start}'
            + f', penalty {penalty:g}' * (TUNED not in start) + '. '
            f'Fitted heads are judged on images held out, '
            f'{few.selection.folds} parts in turn, less what the choice by '
            'them flatters.')
        if start.startswith(ZERO):
            found.append('Names do not help here.')
        if np.ptp(np.bincount(few.labels)) and not few.balanced:
            same = estimate([few.selection.predicted[few.fitted]],
                            few.labels, balanced=True)
            found.append('Each class counting the same, the head written has '
                         f'{same}, flattered by the choice (see `balanced`).')
        best = few.selection.accuracy()
        if best.value <= few.rows[0][1].value:
            found.append('WARNING: that is no better than always the largest '
                         'class. Give more images, or better names.')
        return found


def adapt(
    images: str | Path | None = None,
    classes: Sequence[str] | str | Path | None = None,
    out_dir: str | Path = 'adapted',
    network: str | Path | Config = NETWORK,
    weights: str | Path | None = None,
    source: str | Path | None = None,
    source_classes: Sequence[str] | str | Path | None = None,
    text: dict | None = None,
    penalty: float | None = None,
    balanced: bool = False,
    onnx: bool = False,
    tune: bool = False,
) -> Adapted:
    """Turn a stock classifier into one of other classes.

    Its last layer is carried over by the two lists of class names, see
    :class:`~mmjtln.hooks.HeadInitHook`. With a few images, that start is
    weighed by them, and the layer is fitted on the frozen network's features,
    pulled to it, see :func:`~mmjtln.heads.fit_linear`; or to zero, if that
    does better on images held out. Images of other classes, a source, give a
    second start: a head fitted to them and carried over likewise.

    Args:
        images (str | Path, optional): Folder with a folder of images for each
            class. Defaults to None.
        classes (Sequence[str] | str, optional): The new class names, which
            are sorted, or a text file of one a line, with a description
            behind a tab. Defaults to None, the folders of ``images``.
        out_dir (str | Path): Folder to write to. Defaults to ``'adapted'``.
        network (str | Path | Config): Config of a stock classifier, the name
            of one of MMPretrain's, or ``'timm:NAME'``. Defaults to timm's
            EfficientNet-Lite0.
        weights (str | Path, optional): Its checkpoint, head included; for
            timm a weights file. Defaults to None: the package's, what
            MMPretrain downloads, or the ``load_from`` of a config.
        source (str | Path, optional): Folder with a folder of images for each
            of other classes. Defaults to None.
        source_classes (Sequence[str] | str, optional): What the network
            knows, as :class:`~mmjtln.datasets.ClassList` takes it. Defaults
            to None, what the checkpoint names, else ImageNet's for 1,000.
        text (dict, optional): Options of :class:`~mmjtln.costs.TextCost`,
            such as ``dict(descriptions=...)``. Defaults to None.
        penalty (float, optional): Strength of the pull. Defaults to None:
            chosen by cross-validation, 0.01 where a class has one image.
        balanced (bool): Whether classes count the same. Defaults to False.
        onnx (bool): Whether to write ONNX as well. Defaults to False.
        tune (bool): Whether to try tuning the whole network, too, by
            :class:`~mmjtln.apis.fitting.Tuning`. Defaults to False.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If classes do not fit, or an option is out of range.
        TypeError: If the head cannot be carried over, or fitted.
        ImportError: If an extra is needed and not installed.
    """
    if penalty is not None:
        check_real(penalty, 'penalty', 'adapt', with_low=False)
    text = dict(text or {})
    try:
        TextCost(**text).check_extra()
    except TypeError as error:
        raise refusal('`text` has options of TextCost', f'but {error}',
                      'Correct it', TypeError) from None
    if onnx:
        check_packages()
    check_out(Path(out_dir, 'config.py'))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        cfg, loaded, known = stock_network(network, weights)
    require(not is_jtln(cfg), 'A stock classifier is adapted', 'but that of '
            f'{network} has two heads', 'Export it first, by tools/export.py')
    pipeline = eval_pipeline(cfg, TARGET)
    few, own = (None if folder is None else DomainImages(
        class_folders(folder, out_dir, pipeline), domain)
        for folder, domain in ((images, TARGET), (source, SOURCE)))
    require(not tune or few is not None and fold_count(few.labels) > 1,
            'Tuning is judged on images held out', 'but a class has none or '
            'one', 'Give two of each or more, or leave `tune` out')
    require(own is None or few, 'Images of a source are a second start, which '
            'images of the target weigh', 'but there are none', 'Give `images`'
            ', or leave `source` out')
    if few is not None:
        check_copies(few.paths, own.paths if own else [])
    if isinstance(classes, str | Path):
        described = read_names(classes, 'list of classes')
        classes = list(described)
        text['descriptions'] = {
            **{name: told for name, told in described.items() if told},
            **text.get('descriptions', {})}
    target = ClassList(_target_names(classes, few))
    check_several(target.metainfo['classes'], TARGET)
    known = source_classes or checkpoint_classes(loaded) or known
    if known is None:
        raise refusal('A network brings the names of its classes',
                      f'but {network} does not', 'Set `source_classes`')
    stock = ClassList(known)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        joint = _joint_config(cfg, stock, target, pipeline)
        model = MODELS.build(deepcopy(joint.model)).eval()
        head, state = part_stock_head(loaded, model)
        state |= {f'source_head.{key}': value for key, value in head.items()}
        count = len(stock.metainfo['classes'])
        load_weights(model, state, f'{weights or network} of {count} source '
                     'classes', ('backbone', 'neck', 'source_head'))
        cost, mixing = mix_by(TextCost(**text), stock, target, source_weights(
            model.source_head, count))
        carry_over(model.source_head, model.head, mixing)
        found = None if few is None else fit_few(
            model, few, own, target, text, penalty, balanced,
            pipeline if tune else None)
    meta = dict(dataset_meta=joint.dataset_meta, method=_METHOD)
    files = export_model(joint, model, meta, out_dir, TARGET, onnx)
    chosen = {name: cost.settings[name] for name in ('encoder', 'prompt')}
    far = _far_classes(TextCost(**{**text, **chosen, 'scale': False}), stock,
                       target.metainfo['classes'])
    return Adapted(files, cost, mixing.numpy(), far, found)


def _far_classes(builder: TextCost, source: ClassList,
                names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes that are as far as what means nothing."""
    meaningless = [name for name in _MEANINGLESS if name not in names]
    nearest = builder(source, ClassList([*names, *meaningless])).matrix.min(0)
    limit = np.median(nearest[len(names):])
    return tuple(name for name, least in zip(
        names, nearest[:len(names)], strict=True) if least >= limit)


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
    # In the order of the labels, which is that of the folders on the disk.
    folders = names if few is None else few.classes
    if sorted(folders) != names:
        raise refusal(
            'Each class has a folder of images of its name', 'but comparing '
            'folders with names, '
            f'{describe_difference(names, sorted(folders))}',
            'Rename the folders, or correct the list')
    return folders


def _joint_config(cfg: Config, source: ClassList, target: ClassList,
                  pipeline: list[dict]) -> Config:
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
        type='CustomDataset', data_root='data/target',
        metainfo=dict(classes=classes), pipeline=pipeline,
        extensions=IMG_EXTENSIONS)
    return Config(dict(
        model=model, test_dataloader=dict(batch_size=32, dataset=dataset),
        dataset_meta=dict(classes=classes, source_classes=known)))
