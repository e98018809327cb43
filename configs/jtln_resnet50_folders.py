# Trains a JTLN with a ResNet-50 from ImageNet on your own pictures, one folder
# a class, laid out as _base_/datasets/image_folders.py says; class counts and
# names are taken from the data. The target head begins at ImageNet's, by the
# class names. Without a source set: SOURCE=none.
# The whole of an own config:
#     _base_ = __import__('mmjtln').recipe('jtln_resnet50_folders.py')
# Needs: pip install "mmjtln[text]".
# Command: SOURCE=data/source TARGET=data/target \
#     python tools/train.py configs/jtln_resnet50_folders.py
# Expect no number here: it depends on your pictures.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    './_base_/datasets/image_folders.py',
    './_base_/runtime.py',
]

# Downloaded once; PRETRAINED names a file or URL in its place.
load_from = '{{$PRETRAINED:https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth}}'  # noqa: E501
# None: as many as the data sets have classes. cal_acc: both domains' training
# accuracy, for the log and the learning curve. No OT term: on pictures beside
# an ImageNet head it added nothing, see compare/README.md. With it:
#     model = dict(
#         ot_loss=dict(_delete_=True, type='mmjtln.OTLoss'),
#         own_marginal='label')
#     custom_hooks = [
#         *_base_.custom_hooks,
#         dict(type='mmjtln.CostMatrixHook', cost=_base_.by_names)]
# The paper's form, with costs by MK-MMD and heads from zero:
#     model = dict(ot_loss=dict(_delete_=True, type='mmjtln.OTLoss'))
#     custom_hooks = [
#         dict(type='mmjtln.ClassCheckHook'),
#         dict(type='mmjtln.StockCheckpointHook'),
#         dict(type='mmjtln.CostMatrixHook', cost=dict(
#             type='mmjtln.MKMMDCost', pipeline=_base_.test_pipeline))]
model = dict(
    type='mmjtln.JTLNClassifier',
    # Batch normalization by ImageNet's statistics.
    backbone=dict(norm_eval=True),
    ot_loss=None,
    lambda_s=_base_.lambda_s,
    head=dict(num_classes=None, topk=(1, ), cal_acc=True),
    source_head=dict(num_classes=None))

# What resembles what, by the class names. Drawings are no photographs: for
# them, prompt='{}'.
by_names = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    # The checkpoint's head knows ImageNet's classes. The target's start is
    # weighed by its pictures: names that explain none of them do no harm.
    dict(
        type='mmjtln.HeadInitHook',
        classes='imagenet',
        cost=by_names,
        l2_sp=0.02),
]

# A tenth of what trains from scratch: the weights are good already.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=5.0))
# Over whatever length `max_epochs` says.
param_scheduler = dict(
    type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
# 20 times 50 steps, 16,000 target images: a few hundred images are seen some
# fifty times. The best checkpoint on the validation images is tested.
train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=32)
