"""Convert torchvision's AlexNet weights for the AlexNet of these configs.

    python tools/model_converters/torchvision_alexnet.py \
        alexnet-owt-7be5be79.pth alexnet_imagenet.pth

Then start from it: `load_from = 'alexnet_imagenet.pth'`.
"""
import argparse

import torch

from mmjtln.checkpoints.reading import load_safely
from mmjtln.files.atomic_file import atomic_write
from mmjtln.models import convert_torchvision_alexnet


def main() -> None:
    """Read, rename, write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('src', help='weights file of torchvision')
    parser.add_argument('dst', help='checkpoint to write')
    args = parser.parse_args()
    state = convert_torchvision_alexnet(load_safely(args.src, 'cpu'))
    with atomic_write(args.dst) as file:
        torch.save(dict(state_dict=state, meta={}), file)
    print(f'{len(state)} tensors written to {args.dst}')


if __name__ == '__main__':
    main()
