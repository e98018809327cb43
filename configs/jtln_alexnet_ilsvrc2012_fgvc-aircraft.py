# Trains the paper's setting at full size: AlexNet, ILSVRC2012 as source,
# FGVC-Aircraft as target, 224 pixels. It starts from torchvision's weights,
# whose last layer becomes the source head:
#     python tools/model_converters/torchvision_alexnet.py \
#         alexnet-owt-7be5be79.pth alexnet_imagenet.pth
#     python tools/train.py configs/jtln_alexnet_ilsvrc2012_fgvc-aircraft.py
# Needs both data sets, see _base_/datasets/ilsvrc2012_fgvc-aircraft.py, and a
# GPU. Expect no number here: this config has never been run at full size.
_base_ = [
    './_base_/models/alexnet_two_heads.py',
    './_base_/datasets/ilsvrc2012_fgvc-aircraft.py',
    './_base_/schedule.py',
    './_base_/runtime.py',
]

load_from = 'alexnet_imagenet.pth'
# The network knows the source from the start: no epochs without the OT term.
# 224 pixels leave 6 x 6 cells, as the weights of fc6 have it.
model = dict(
    neck=dict(pool_size=6),
    head=dict(num_classes=100, topk=(1, )),
    source_head=dict(num_classes=1000),
    lambda_ot=dict(value=1.0, begin=0.0))
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(type='mmjtln.MKMMDCost', pipeline=_base_.test_pipeline)),
]

# An epoch is one pass over the target's training images, 104 batches.
optim_wrapper = dict(optimizer=dict(lr=0.001))
train_cfg = dict(max_epochs=50)
