# Compares: target only, consecutive, joint and JTLN, LeNet-5, MNIST-5k (4,500
# digits) to UCI digits (5 a class, --shots for others). The cost matrix is
# what a user knows, that a digit is the same digit.
# Command: python tools/compare_methods.py \
#   configs/compare/mnist5k_uci-digits.py \
#   --seeds 0-9 --tune 100-102 --shots 2,5,10 --jobs 2 \
#   --against consecutive,joint,jtln_label_random
_base_ = [
    '../_base_/compare_lenet5.py', '../_base_/image_pair.py',
    '../_base_/schedule.py', '../_base_/runtime.py'
]

# 400 steps of 32 target images.
optim_wrapper = dict(optimizer=dict(lr=0.05))
default_hooks = dict(logger=dict(interval=40))

gray = [dict(type='RandomGrayscale', prob=1., keep_channels=False)]
# MNIST's digits stand within a margin, on 28 x 28 pixels; UCI's fill 8 x 8.
to_target_resolution = gray + [
    dict(type='CenterCrop', crop_size=22),
    dict(type='Resize', scale=8, interpolation='area'),
]
source_test_pipeline = to_target_resolution + _base_.test_pipeline
target_test_pipeline = gray + _base_.test_pipeline

train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        source=dict(
            type='mmjtln.MNIST5k',
            split='train',
            pipeline=to_target_resolution + _base_.train_pipeline),
        target=dict(
            shots=5,
            dataset=dict(
                type='mmjtln.UCIDigits',
                split='train',
                pipeline=gray + _base_.train_pipeline))),
    batch_sampler=dict(epoch=40))
val_dataloader = dict(
    batch_size=200,
    dataset=dict(
        type='mmjtln.UCIDigits', split='val', pipeline=target_test_pipeline))
test_dataloader = dict(
    batch_size=200,
    dataset=dict(
        type='mmjtln.UCIDigits', split='test', pipeline=target_test_pipeline))

pipelines = dict(source=source_test_pipeline, target=target_test_pipeline)
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(
            type='mmjtln.FileCost',
            path='{{ fileDirname }}/../_base_/costs/mnist_uci-digits.csv')),
]
comparison = dict(
    methods=dict(jtln_label_mkmmd=dict(cost=dict(pipeline=pipelines))))
