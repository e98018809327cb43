"""Convert torchvision's AlexNet weights for the AlexNet of these configs.

    python tools/model_converters/torchvision_alexnet.py \
        alexnet-owt-7be5be79.pth alexnet_imagenet.pth

Then start from it: `load_from = 'alexnet_imagenet.pth'`.
"""
import argparse
import os

import torch
from mmengine.utils import mkdir_or_exist

from mmjtln.checkpoints.reading import load_safely
from mmjtln.models import convert_torchvision_alexnet


def main() -> None:
    """Read, rename, write."""
    parser = argparse.ArgumentParser(
        description='Convert torchvision\'s AlexNet weights')
    parser.add_argument('src', help='weights file of torchvision')
    parser.add_argument('dst', help='checkpoint to write')
    args = parser.parse_args()

    state_dict = convert_torchvision_alexnet(
        load_safely(args.src, map_location='cpu'))
    mkdir_or_exist(os.path.dirname(os.path.abspath(args.dst)))
    partial = f'{args.dst}.partial'
    torch.save(dict(state_dict=state_dict, meta={}), partial)
    os.replace(partial, args.dst)
    print(f'{len(state_dict)} tensors written to {args.dst}')


if __name__ == '__main__':
    main()
