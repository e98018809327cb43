"""The classifier of one domain, as a stock MMPretrain model."""
import inspect
from copy import deepcopy
from typing import Any

from mmengine.config import Config
from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import require
from mmjtln.heads.last_layer import is_bare_head
from mmjtln.models import AlexNetNeck
from mmjtln.models.head_config import complete_source_head, with_class_count
from mmjtln.run_config import parts_of

from .stock_alexnet import stock_alexnet

#: What a stock classifier takes.
_STOCK_OPTIONS = set(inspect.signature(ImageClassifier).parameters)
#: Ours that, without training, do the same as the stock type.
_SAME_AT_TEST_TIME = {
    'mmjtln.JointDataPreprocessor': 'ClsDataPreprocessor',
    'mmjtln.JTLNClassifier': 'ImageClassifier',
}
_TRAINING_OPTIONS = ('num_source_classes', 'batch_augments', 'to_onehot',
                     # Where TIMMBackbone starts from.
                     'checkpoint_path', 'pretrained')
#: Hooks that serve a model with two heads only.
_TWO_HEADS = ('ClassCheckHook', 'CostMatrixHook', 'PlanVisualizationHook',
              'SourceWeightsHook', 'StockCheckpointHook',
              'HeadInitHook')


def single_domain(cfg: Config, domain: str) -> None:
    """Turn a JTLN run, in place, into one domain's stock classifier's."""
    cfg.model = stock_classifier(cfg.model, domain)
    preprocessor = cfg.get('data_preprocessor')
    if preprocessor is not None:
        if preprocessor.get('type') == 'mmjtln.JointDataPreprocessor':
            preprocessor.type = 'ClsDataPreprocessor'
        preprocessor.pop('num_source_classes', None)
        preprocessor.num_classes = cfg.model['head']['num_classes']
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or []
        if str(hook.type).removeprefix('mmjtln.') not in _TWO_HEADS]
    if domain == TARGET:
        evaluate_target(cfg)
        return
    for split in ('val', 'test'):
        for part in ('dataloader', 'evaluator', 'cfg'):
            cfg[f'{split}_{part}'] = None
    cfg.default_hooks.checkpoint.save_best = None


def evaluate_target(cfg: Config) -> None:
    """Leave the source out of a run's validation and test, in place."""
    for split in ('val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if loader is not None and loader.dataset.type == (
                'mmjtln.JointDataset'):
            loader.dataset = loader.dataset.target
        evaluators = cfg.get(f'{split}_evaluator')
        if isinstance(evaluators, list):
            cfg[f'{split}_evaluator'] = [
                evaluator for evaluator in evaluators
                if evaluator.get('domain', TARGET) == TARGET]


def stock_classifier(cfg: dict, domain: str) -> dict:
    """Make of ``model`` an ``ImageClassifier`` with a domain's head."""
    cfg = deepcopy(dict(cfg))
    head = cfg['head']
    if domain == SOURCE:
        head = complete_source_head(head, cfg['source_head'])
    return {**{key: value for key, value in cfg.items()
               if key in _STOCK_OPTIONS},
            'type': 'ImageClassifier', 'head': with_class_count(head)}


def stock_model(cfg: dict, model: nn.Module, domain: str,
                images: Tensor) -> tuple[dict, dict]:
    """Return a domain's classifier in stock parts, for images of a size."""
    cfg = _without_training(stock_classifier(cfg, domain))
    cfg.pop('train_cfg', None)
    head = model.source_head if domain == SOURCE else model.head
    state = {key: value for key, value in model.state_dict().items()
             if key.startswith(('backbone.', 'neck.'))}
    state.update((f'head.{key}', value)
                 for key, value in head.state_dict().items())
    if is_bare_head(cfg['head']):
        cfg['backbone']['num_classes'] = cfg['head'].pop('num_classes')
        for leaf in ('weight', 'bias'):
            state[f'backbone.{model.backbone_classifier}.{leaf}'] = state.pop(
                f'head.fc.{leaf}')
    if isinstance(model.neck, AlexNetNeck):
        shape = tuple(model.backbone(images[:1])[-1].shape[1:])
        cfg, state = stock_alexnet(cfg, state, model.neck, shape)
    refuse_foreign(cfg, 'model')
    return cfg, {key: value.detach().cpu().clone()
                 for key, value in state.items()}


def refuse_foreign(cfg: Any, place: str) -> None:
    """Raise a TypeError if a config has a type that needs this plugin."""
    for part in parts_of(cfg):
        kind = part.get('type')
        name = kind if isinstance(kind, str) else getattr(
            kind, '__module__', '')
        require(not name.startswith('mmjtln.'),
                "An exported model is made of MMPretrain's own types",
                f'but the {place} has {kind!r}, which has no equal there',
                'Train with a stock type in its place', TypeError)


def _without_training(cfg: Any) -> Any:
    """Drop pretrained weights and batch augmentation, rename our types."""
    if isinstance(cfg, list | tuple):
        return type(cfg)(_without_training(value) for value in cfg)
    if not isinstance(cfg, dict):
        return cfg
    cfg = {key: _without_training(value) for key, value in cfg.items()
           if key not in _TRAINING_OPTIONS and not (
               key == 'init_cfg' and 'Pretrained' in str(value))}
    if cfg.get('type') in _SAME_AT_TEST_TIME:
        cfg['type'] = _SAME_AT_TEST_TIME[cfg['type']]
    return cfg
