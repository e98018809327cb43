# EfficientNet-Lite0 with its ImageNet classifier at its own 224 pixels.
_base_ = ['./efficientnet-lite0.py']

test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=224, edge='short',
         backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]))
