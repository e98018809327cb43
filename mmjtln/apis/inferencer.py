"""Predicting with a trained JTLN: files, arrays and folders."""
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpretrain import ImageClassificationInferencer, get_model
from mmpretrain.apis.base import BaseInferencer
from mmpretrain.registry import TRANSFORMS
from mmpretrain.structures import DataSample
from torch import nn

from mmjtln.checkpoints.weights import load_file
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import require
from mmjtln.export.stock_data import (
    Picture,
    as_pixels,
    eval_pipeline,
    picture_pipeline,
)
from mmjtln.files.user_files import image_files
from mmjtln.models import JTLNClassifier
from mmjtln.resume.run_record import tell_other_pipeline
from mmjtln.run_config import fill_class_counts, read_config

Inputs = Picture | Sequence[Picture]


def load_model(config: str | Path | Config,
               checkpoint: str | Path | bool) -> nn.Module:
    """Build the classifier of a config and load all of its weights."""
    cfg = read_config(config)
    if checkpoint is False:
        return get_model(fill_class_counts(cfg), pretrained=False)
    path = cfg.get('load_from') if checkpoint is True else checkpoint
    require(path, 'A prediction needs a checkpoint', 'but none is given',
            'Set `pretrained`, or `load_from` of the config')
    cfg = fill_class_counts(cfg, path)
    model = get_model(cfg, pretrained=False)
    tell_other_pipeline(cfg, load_file(model, path))
    return model


def list_pictures(inputs: Inputs) -> list:
    """List files, all those in a folder, and the pixels of others."""
    if isinstance(inputs, str | Path) and Path(inputs).is_dir():
        return image_files(inputs)
    return list(map(as_pixels, inputs if isinstance(inputs, list | tuple)
                    else [inputs]))


class PictureInferencer(ImageClassificationInferencer):
    """MMPretrain's inferencer, which reads pictures as the test does."""

    def _inputs_to_list(self, inputs: Inputs) -> list:
        return list_pictures(inputs)

    def _init_pipeline(self, cfg: Config) -> Compose:
        # The test set may be wrapped, or be that of both domains.
        with DefaultScope.overwrite_default_scope(TRANSFORMS.scope):
            return picture_pipeline(eval_pipeline(cfg, TARGET))

    def preprocess(self, inputs: list, batch_size: int = 1) -> Iterator[dict]:
        """Read a list of pictures batch by batch."""
        # The parent reads by itself, whatever the pipeline says.
        return BaseInferencer.preprocess(self, inputs, batch_size)


class JTLNInferencer(PictureInferencer):
    """Target labels and scores, on request the source's and the plan.

    Args:
        model (JTLNClassifier | str | Config): A model that
            ``mmpretrain.get_model`` has built, or the config of a JTLN run.
        pretrained (str, optional): Path to the checkpoint, which holds all
            weights, or the work directory. Defaults to True, the config's
            ``load_from``.
        device (str, optional): As in the parent. Defaults to None.
        classes (Sequence[str], optional): Target class names. Defaults to
            None, those of the checkpoint.
        source_classes (Sequence[str], optional): Source class names, likewise.
        **kwargs: As in the parent.

    Raises:
        TypeError: If the model is no JTLN.
        ValueError: If the checkpoint lacks weights, or names are too few.

    Example:
        >>> inferencer = JTLNInferencer('configs/jtln_alexnet.py', 'best.pth')
        >>> inferencer('one.png', return_plan=True)[0]['plan']
    """

    forward_kwargs = {'return_source', 'return_plan'}

    def __init__(
        self,
        model: nn.Module | str | Config,
        pretrained: str | Path | bool = True,
        device: str | torch.device | None = None,
        classes: Sequence[str] | None = None,
        source_classes: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(model, nn.Module):
            model, pretrained = load_model(model, pretrained), False
        elif isinstance(pretrained, str | Path):
            load_file(model, pretrained)
            pretrained = False
        require(isinstance(model, JTLNClassifier),
                'JTLNInferencer predicts with a JTLNClassifier',
                f'got {type(model).__name__}', 'Use MMPretrain\'s '
                'ImageClassificationInferencer for stock models', TypeError)
        super().__init__(model, pretrained, device, classes, **kwargs)
        meta = getattr(self.model, '_dataset_meta', None) or {}
        self.source_classes = source_classes or meta.get('source_classes')
        for domain, names in ((TARGET, self.classes),
                              (SOURCE, self.source_classes)):
            count = self.model.class_counts[domain]
            require(names is None or len(names) == count,
                    f'There is a name for each of the {count} outputs of the '
                    f'{domain} head', f'got {len(names or ())} names',
                    'Give all, in the order of the outputs')

    def __call__(self, inputs: Inputs, return_datasamples: bool = False,
                 batch_size: int = 1, return_source: bool = False,
                 return_plan: bool = False, **kwargs: Any) -> list:
        """Predict.

        Args:
            inputs (str | Path | array | PIL.Image | list): Image file, array
                of BGR pixels (uint8), PIL image, folder (all image files in
                it and its folders), or a list of such pictures.
            return_datasamples (bool): Whether to return data samples instead
                of dicts. Defaults to False.
            batch_size (int): Images a forward pass. Defaults to 1.
            return_source (bool): Whether to add the source head's prediction.
                Defaults to False.
            return_plan (bool): Whether to add the transport plan between the
                two heads' predictions. Defaults to False.
            **kwargs: ``show``, ``show_dir``, ... as in the parent.

        Returns:
            list[dict]: One an image: ``pred_scores`` (target classes, ),
            ``pred_label``, ``pred_score``, ``pred_class``, for files
            ``img_path``; on request the first four with ``source_`` in front
            and ``plan``, float (source classes, target classes), whose row
            sums are the source scores and whose column sums the target's.

        Raises:
            ValueError: If a folder holds no image, an array is not uint8, or
                a plan is asked of a model without a cost matrix.
        """
        inputs = self._inputs_to_list(inputs)
        results = super().__call__(inputs, return_datasamples, batch_size,
                                   return_source=return_source,
                                   return_plan=return_plan, **kwargs)
        if not return_datasamples:
            for image, result in zip(inputs, results, strict=True):
                if isinstance(image, str):
                    result['img_path'] = image
        return results

    @torch.no_grad()
    def forward(self, inputs: dict, return_source: bool = False,
                return_plan: bool = False) -> list:
        """Predict a collated batch with one pass of the backbone."""
        model = self.model
        data = model.data_preprocessor(inputs, False)
        feats = model.extract_feat(data['inputs'])
        samples = model.head.predict(feats, data['data_samples'])
        if return_source:
            for sample, source in zip(
                    samples, model.source_head.predict(feats), strict=True):
                sample.set_field(source.pred_score, 'source_pred_score')
                sample.set_field(source.pred_label, 'source_pred_label')
        if return_plan:
            require(model.ot_loss is not None and model.ot_loss.has_cost, 'A '
                    'transport plan needs a cost matrix', 'but the model has '
                    'none', 'Load the checkpoint of a run with an OT term')
            logits = model.logits(feats)
            solution = model.ot_loss.transport(logits[SOURCE], logits[TARGET])
            for row, sample in enumerate(samples):
                sample.set_field(solution.plan(row), 'plan')
        return samples

    def postprocess(self, preds: list[DataSample], visualization: list | None,
                    return_datasamples: bool = False) -> list:
        """Turn data samples into dicts."""
        results = super().postprocess(preds, visualization, return_datasamples)
        for sample, result in zip(preds, results, strict=True):
            if return_datasamples:
                break
            if 'source_pred_score' in sample:
                scores = sample.source_pred_score
                label = scores.argmax().item()
                result.update(source_pred_scores=scores.cpu().numpy(),
                              source_pred_label=label,
                              source_pred_score=scores[label].item())
                if self.source_classes is not None:
                    result['source_pred_class'] = self.source_classes[label]
            if 'plan' in sample:
                result['plan'] = sample.plan.cpu().numpy()
        return results
