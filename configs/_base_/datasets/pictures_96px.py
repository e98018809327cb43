# How the comparisons on pictures of 96 pixels read them, as timm's
# EfficientNet-Lite0 expects it.
data_preprocessor = dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=96, crop_ratio_range=(0.5, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=96, edge='short', interpolation='area'),
    dict(type='CenterCrop', crop_size=96),
    dict(type='PackInputs'),
]
