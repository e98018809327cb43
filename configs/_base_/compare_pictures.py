# What the comparisons on a few pictures, from an ImageNet classifier and
# without a source image, share: EfficientNet-Lite0, 96 pixels, 40 steps of 16
# pictures, batch normalization by ImageNet's statistics. A config adds the
# pictures, the cost by their classes' names and the methods.
_base_ = [
    './models/jtln_efficientnet-lite0.py', './image_pair.py', './peers.py'
]

load_from = 'data/efficientnet-lite0.pth'
model = dict(lambda_s=0.)
data_preprocessor = dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)

train_cfg = dict(max_epochs=4)

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
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        source=dict(type='mmjtln.ClassList', classes='imagenet'),
        target=dict(
            shots=5,
            dataset=dict(type='CustomDataset', pipeline=train_pipeline))),
    batch_sampler=dict(epoch=10))
val_dataloader = dict(
    batch_size=64,
    dataset=dict(type='CustomDataset', pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64,
    dataset=dict(type='CustomDataset', pipeline=test_pipeline))

# Chosen on validation data, of four points each: four rates, or two with two
# of the method's own strength.
four_rates = {'optim_wrapper.optimizer.lr': [0.001, 0.003, 0.01, 0.03]}
two_rates = {'optim_wrapper.optimizer.lr': [0.003, 0.01]}
# The head alone, the network as it is.
frozen = dict(type='mmjtln.LPFTHook', share=1.)
