# Trains: the consecutive baseline, fine-tuning on two UCI digits a class from
# the backbone, fc6 and fc7 that alexnet_source.py trained; run that first.
# Command: python tools/train.py configs/alexnet_consecutive.py
# Expect: target test accuracy 86.6 (6.1) % (mean and SD of seeds 0-2).
_base_ = ['./alexnet_target-only.py']

source_checkpoint = 'work_dirs/alexnet_source/epoch_4.pth'

model = dict(
    backbone=dict(
        type='mmjtln.AlexNet',
        init_cfg=dict(
            type='Pretrained', checkpoint=source_checkpoint,
            prefix='backbone.')),
    neck=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint=source_checkpoint, prefix='neck.')))
