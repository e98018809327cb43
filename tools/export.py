"""Write a trained JTLN's classifier for people without this plugin.

    python tools/export.py CONFIG CHECKPOINT OUT_DIR
    python tools/export.py CONFIG CHECKPOINT OUT_DIR --domain source --onnx

OUT_DIR gets `config.py` and `model.pth`, which MMPretrain's own tools and
`mmpretrain.get_model` use as they are, and with `--onnx` `model.onnx` and
`model.json`. Each is compared with the trained model before it is written.
"""
import argparse

from mmjtln.apis import export_classifier
from mmjtln.domains import DOMAINS, TARGET
from mmjtln.errors import end_in_words


def main() -> None:
    """Export and name the files."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='config of the JTLN run')
    parser.add_argument('checkpoint', help='one of its checkpoints, or '
                        'its work directory')
    parser.add_argument('out_dir', help='folder to write to')
    parser.add_argument('--domain', choices=DOMAINS, default=TARGET,
                        help='whose classifier (target)')
    parser.add_argument('--onnx', action='store_true',
                        help='write model.onnx, too')
    for path in export_classifier(**vars(parser.parse_args())).values():
        print(path)


if __name__ == '__main__':
    end_in_words()
    main()
