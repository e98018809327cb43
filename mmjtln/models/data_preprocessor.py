"""A data preprocessor that keeps batch augmentation within a domain."""
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import ClsDataPreprocessor, RandomBatchAugment
from torch import nn

from mmjtln.domains import SOURCE, TARGET, split
from mmjtln.errors import require
from mmjtln.registry import MODELS

_STOCK = (None, 'ClsDataPreprocessor', 'mmpretrain.ClsDataPreprocessor')


@MODELS.register_module()
class JointDataPreprocessor(ClsDataPreprocessor):
    """:class:`~mmpretrain.models.ClsDataPreprocessor` for two label sets.

    It acts on the mixed batch as the parent does, but batch augmentation
    (Mixup, CutMix, ...) is drawn for each domain on its own and mixes images
    of that domain only, with its number of classes.

    Args:
        num_classes (int, optional): Number of target classes, needed for
            batch augmentation.
        num_source_classes (int, optional): Of source classes, likewise.
        batch_augments (dict, optional): Arguments of
            :class:`~mmpretrain.models.RandomBatchAugment`. Defaults to None.
        **kwargs: As in the parent: ``mean``, ``std``, ``to_rgb``, ...
    """

    def __init__(self, num_classes: int | None = None,
                 num_source_classes: int | None = None,
                 batch_augments: dict | None = None, **kwargs: Any) -> None:
        # The parent would encode and mix labels over the whole batch.
        super().__init__(num_classes=num_classes, **kwargs)
        self.class_counts: dict[str, Any] = {
            TARGET: num_classes, SOURCE: num_source_classes}
        self.domain_augments = RandomBatchAugment(
            **batch_augments) if batch_augments else None
        require(not batch_augments or None not in self.class_counts.values(),
                'Batch augmentation needs the class counts of both domains',
                f'got {self.class_counts}', 'Set `num_classes` and '
                '`num_source_classes` of `data_preprocessor`')

    def forward(self, data: dict, training: bool = False) -> dict:
        """Preprocess a batch as the parent; ``training`` augments it."""
        data = super().forward(data, training)
        samples = data['data_samples']
        if self.domain_augments is None or not samples or (
                'gt_label' not in samples[0]):
            return data

        inputs = data['inputs']
        for domain, rows in split(samples).items():
            if not rows:
                continue
            scores = F.one_hot(
                torch.cat([samples[row].gt_label for row in rows]),
                self.class_counts[domain]).float()
            if training:
                index = torch.tensor(rows, device=inputs.device)
                # An indexed copy: CutMix writes into the images it is given.
                inputs[index], scores = self.domain_augments(
                    inputs[index], scores)
            for row, score in zip(rows, scores, strict=True):
                samples[row].set_gt_score(score)
        return data


def joint_preprocessor(cfg: dict | nn.Module | None, counts: dict[str, int]
                       ) -> dict | nn.Module:
    """Make a stock data preprocessor's config one for two domains."""
    if cfg is None or isinstance(cfg, dict):
        cfg = dict(cfg or {})
        if cfg.get('type') in _STOCK:
            cfg['type'] = 'mmjtln.JointDataPreprocessor'
        if cfg['type'] == 'mmjtln.JointDataPreprocessor':
            cfg.update(
                num_classes=counts[TARGET], num_source_classes=counts[SOURCE])
    return cfg
