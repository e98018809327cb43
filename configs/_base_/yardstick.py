# What the yardsticks that train have in common: a ResNet-50 from ImageNet,
# whose class names are the source, and the methods, each at one point. The
# tool adds the lists of pictures and the class names of the target.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py', './image_pair.py',
    './schedule.py', './runtime.py', './peers.py'
]

load_from = '{{$PRETRAINED:https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth}}'  # noqa: E501
model = dict(
    type='mmjtln.JTLNClassifier',
    lambda_s=0.,
    own_marginal='label',
    head=dict(num_classes=None, topk=(1, )),
    source_head=dict(num_classes=1000))
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=48,
    num_workers=4,
    dataset=dict(
        source=dict(type='mmjtln.ClassList', classes='imagenet'),
        target=dict(
            _delete_=True, type='CustomDataset', pipeline=train_pipeline)),
    batch_sampler=dict(epoch=50))
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    dataset=dict(type='CustomDataset', pipeline=test_pipeline))
test_dataloader = val_dataloader
by_names = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(type='mmjtln.CostMatrixHook', cost=by_names),
]
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(
    backbone=dict(lr_mult=0.1))))
begun_by_names = dict(
    kind='source_free',
    start='source',
    hooks=[dict(type='mmjtln.HeadInitHook', cost=by_names)],
    options={'model.ot_loss': None})
co_tuning = dict(
    kind='source_free',
    start='source',
    cost=_base_.own,
    options={
        'model.ot_loss': dict(type='mmjtln.CoTuningLoss', _delete_=True),
        'model.lambda_ot': 2.3
    })
comparison = dict(
    methods=dict(
        consecutive=dict(kind='consecutive'),
        bss=dict(
            kind='consecutive',
            options={'model.type': 'mmjtln.BSSClassifier'}),
        lwf=dict(
            kind='source_free',
            start='source',
            options={
                'model.type': 'mmjtln.LwFClassifier',
                'model.ot_loss': None
            }),
        co_tuning=co_tuning,
        jtln=dict(kind='source_free', start='source'),
        consecutive_transported=begun_by_names))
