"""Convert torchvision's AlexNet weights for the AlexNet of these configs.

    python tools/model_converters/torchvision_alexnet.py \
        alexnet-owt-7be5be79.pth alexnet_imagenet.pth

Then start from it: `load_from = 'alexnet_imagenet.pth'`.
"""
import argparse

import torch

from mmjtln.checkpoints.reading import load_safely
from mmjtln.errors import end_in_words, require
from mmjtln.files.atomic_file import atomic_write

#: Modules of torchvision's AlexNet -> of an MMPretrain classifier with an
#: ``AlexNet`` backbone and an ``AlexNetNeck``.
_MODULES = {
    **{f'features.{i}': f'backbone.features.{i}' for i in (0, 3, 6, 8, 10)},
    'classifier.1': 'neck.fc6', 'classifier.4': 'neck.fc7',
    'classifier.6': 'head.fc'}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of ``torchvision.models.alexnet()``."""
    names = {f'{old}.{leaf}': f'{new}.{leaf}' for old, new in _MODULES.items()
             for leaf in ('weight', 'bias')}
    require(names.keys() == state.keys(), "The weights must be those of "
            "torchvision's AlexNet", 'but missing or unknown are '
            f'{sorted(names.keys() ^ state.keys())}',
            'Give a state dict of `torchvision.models.alexnet`')
    return {names[key]: value for key, value in state.items()}


def main() -> None:
    """Read, rename, write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('src', help='weights file of torchvision')
    parser.add_argument('dst', help='checkpoint to write')
    args = parser.parse_args()
    state = convert(load_safely(args.src, 'cpu'))
    with atomic_write(args.dst) as file:
        torch.save(dict(state_dict=state, meta={}), file)
    print(f'{len(state)} tensors written to {args.dst}')


if __name__ == '__main__':
    end_in_words()
    main()
