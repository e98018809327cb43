# What the yardsticks that train have in common: a ResNet-50 from ImageNet,
# whose class names are the source, and the methods. The tool adds the target.
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
load = dict(type='LoadImageFromFile', imdecode_backend='pillow')
pack = dict(type='PackInputs')
train_pipeline = [
    load,
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'), pack
]
test_pipeline = [
    load,
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224), pack
]
train_dataloader = dict(
    batch_size=48,
    num_workers=4,
    dataset=dict(source=dict(type='mmjtln.ClassList', classes='imagenet')),
    batch_sampler=dict(epoch=50))
val_dataloader = dict(batch_size=64, num_workers=4)
test_dataloader = val_dataloader
by_names = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(type='mmjtln.CostMatrixHook', cost=by_names)
]
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
# Peers at one point each: strengths are those of their authors.
peers = ('consecutive', 'bss', 'lwf', 'co_tuning', 'jtln_label')
methods = {name: dict(_base_.peer_methods[name], grid={}) for name in peers}
methods['co_tuning']['options']['model.lambda_ot'] = 2.3
begun = dict(hooks=[dict(type='mmjtln.HeadInitHook', cost=by_names)])
methods['consecutive_transported'] = dict(
    **_base_.source_free, **begun, options={'model.ot_loss': None})
comparison = dict(methods=methods)
yardstick = dict(share=False, prompts=dict())
