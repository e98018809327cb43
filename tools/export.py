"""Write a trained JTLN's classifier for people without this plugin.

    python tools/export.py CONFIG CHECKPOINT OUT_DIR
    python tools/export.py CONFIG CHECKPOINT OUT_DIR --domain source --onnx

OUT_DIR gets `config.py` and `model.pth`, which MMPretrain's own tools and
`mmpretrain.get_model` use as they are, and with `--onnx` `model.onnx`. The
checkpoint's `meta` holds the classes and, under `model_card`, the data sets,
the accuracy, the cost matrix's making and the settings. Each file is compared
with the trained model before it is put in its place.
"""
import argparse

from mmjtln.apis import export_classifier


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='config of the JTLN run')
    parser.add_argument('checkpoint', help='one of its checkpoints')
    parser.add_argument('out_dir', help='folder to write to')
    parser.add_argument('--domain', choices=['target', 'source'],
                        default='target', help='whose classifier (target)')
    parser.add_argument('--onnx', action='store_true',
                        help='write model.onnx, too')
    return parser.parse_args()


def main() -> None:
    """Export and name the files."""
    args = parse_args()
    files = export_classifier(args.config, args.checkpoint, args.out_dir,
                              args.domain, args.onnx)
    for path in files.values():
        print(path)


if __name__ == '__main__':
    main()
