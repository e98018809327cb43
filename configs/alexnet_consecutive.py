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
