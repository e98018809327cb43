"""What a JTLN training step costs beside a stock one.

    python tools/benchmarks/train_step.py

Times the whole ``train_step`` of a JTLNClassifier and of the stock
ImageClassifier it inherits from, on the same images, in turn, and prints the
ratio of the medians, the share of the OT term (forward and backward, timed on
the step's own logits), and the quartiles of the pairwise ratios. With
``--channels-last`` it is the stock step in that format in place of the JTLN's.
"""
import argparse
import copy
import statistics
from functools import partial

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from timing import add_device, in_turn, print_table, quartiles, seconds
from torch import nn

import mmjtln  # noqa: F401
from mmjtln.apis.launch import BF16OptimWrapper
from mmjtln.domains import SOURCE, TARGET

CLASSES = {SOURCE: 1000, TARGET: 100}


def stock(path: str, **options: dict) -> dict:
    """A stock model file of MMPretrain, without batch augmentation."""
    cfg = Config.fromstring(
        f"_base_ = ['mmpretrain::_base_/models/{path}']", '.py')
    cfg.merge_from_dict(dict(model=options))
    cfg.model.pop('train_cfg', None)
    cfg.model.head.loss = dict(type='CrossEntropyLoss', loss_weight=1.0)
    return cfg.model


MODELS_TIMED = {
    # With fc6 and fc7, as in the paper.
    'AlexNet': lambda: dict(
        type='ImageClassifier', backbone=dict(type='AlexNet'),
        neck=dict(type='mmjtln.AlexNetNeck'),
        head=dict(type='LinearClsHead', in_channels=4096)),
    'ResNet-18': lambda: stock('resnet18.py'),
    'ResNet-50': lambda: stock('resnet50.py'),
    'EfficientNet-Lite0': lambda: dict(
        type='ImageClassifier', backbone=dict(
            type='TIMMBackbone', model_name='tf_efficientnet_lite0'),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', in_channels=1280)),
    # From the stock ViT-B/16.
    'ViT-S/16': lambda: stock(
        'vit-base-p16.py', backbone=dict(arch='deit-small'),
        head=dict(in_channels=384)),
}


def build(cfg: dict, device: str) -> tuple[nn.Module, nn.Module]:
    """Build the stock and the joint model with equal weights."""
    cfg['head'].update(num_classes=CLASSES[TARGET], topk=(1, ))
    torch.manual_seed(0)
    plain = MODELS.build(copy.deepcopy(cfg))
    plain.init_weights()
    joint = MODELS.build({
        **cfg, 'type': 'mmjtln.JTLNClassifier',
        'source_head': dict(num_classes=CLASSES[SOURCE])})
    joint.load_state_dict(plain.state_dict(), strict=False)
    joint.ot_loss.set_cost(torch.rand(CLASSES[SOURCE], CLASSES[TARGET]))
    return plain.to(device).train(), joint.to(device).train()


def batch(count: int, pixels: int) -> dict:
    """Random images, the first half source."""
    samples = [
        DataSample(metainfo=dict(
            domain=SOURCE if i < count // 2 else TARGET)).set_gt_label(
                i % CLASSES[TARGET]) for i in range(count)]
    return dict(inputs=torch.randn(count, 3, pixels, pixels),
                data_samples=samples)


def ot_seconds(joint: nn.Module, inputs: torch.Tensor, device: str) -> float:
    """Time the OT term alone, forward and backward, on the model's logits."""
    half = len(inputs) // 2
    with torch.no_grad():
        feats = joint.extract_feat(inputs.to(device))
        source, target = (head(feats)[half:].requires_grad_()
                          for head in (joint.source_head, joint.head))

    def term() -> None:
        joint.ot_loss.loss_and_log(source, target)[0].backward()

    term()
    return statistics.median(seconds(term, device) for _ in range(9))


def measure(name: str, args: argparse.Namespace) -> list[str]:
    """Time one model and return its row of the table."""
    plain, joint = build(MODELS_TIMED[name](), args.device)
    data = batch(args.batch_size, args.pixels)
    ot = ot_seconds(joint, data['inputs'], args.device)
    if args.channels_last:
        joint = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    steps, wrapper = {}, OptimWrapper
    if args.amp:  # As `--amp` of tools/train.py.
        wrapper = BF16OptimWrapper if args.device == 'cpu' else AmpOptimWrapper
    for key, model in (('stock', plain), ('joint', joint)):
        optim = wrapper(optimizer=torch.optim.SGD(
            model.parameters(), lr=1e-4, momentum=0.9))
        step = partial(lambda m, o: m.train_step(copy.deepcopy(data), o),
                       model, optim)
        step()  # The first warms up.
        steps[key] = partial(seconds, step, args.device)
    times = in_turn(steps, args.repeats)
    low, _, high = quartiles(times['joint'], times['stock'])
    stock, joint = (statistics.median(times[key]) for key in steps)
    return [name, f'{stock * 1e3:.1f}', f'{joint * 1e3:.1f}',
            f'{joint / stock:.3f}', f'{low:.3f}-{high:.3f}',
            f'{ot * 1e3:.2f}', f'{100 * ot / joint:.2f}%']


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='+', default=list(MODELS_TIMED),
                        choices=list(MODELS_TIMED))
    parser.add_argument('--amp', action='store_true',
                        help='mixed precision, in both')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--pixels', type=int, default=224)
    parser.add_argument('--repeats', type=int, default=8)
    add_device(parser)
    args = parser.parse_args()

    # No line for each weight that is initialised.
    MMLogger.get_current_instance().setLevel('WARNING')
    print(f'batch {args.batch_size} (half source), {args.pixels} pixels, '
          f'{CLASSES[SOURCE]} x {CLASSES[TARGET]} classes, '
          f'{args.device}{", mixed precision" * args.amp}, '
          f'{torch.get_num_threads()} threads, '
          f'torch {torch.__version__}; ms, medians of {args.repeats}\n')
    print_table(('model', 'stock step', 'JTLN step', 'ratio',
                 'quartiles of ratios', 'OT term', 'share'), ['---'] * 7)
    for name in args.models:
        print_table(measure(name, args))


if __name__ == '__main__':
    main()
