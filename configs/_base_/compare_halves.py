# What the comparisons with source images from an ImageNet classifier share:
# every second class of a set, by the alphabet, is a source, all of its
# pictures; five pictures of each other class are the target's.
# EfficientNet-Lite0, 96 pixels, 40 steps of 16 target pictures and, in joint
# training, 16 of the source. A config adds the pictures.
_base_ = [
    './models/jtln_efficientnet-lite0.py', './image_pair.py', './schedule.py',
    './runtime.py', './datasets/pictures_96px.py'
]

load_from = 'data/efficientnet-lite0.pth'
model = dict(own_marginal='label')
train_cfg = dict(max_epochs=4)

# A config adds the classes, and the pictures they are of.
chosen = dict(
    type='mmjtln.ClassSubset',
    dataset=dict(type='CustomDataset', pipeline=_base_.train_pipeline))
judged = dict(
    type='mmjtln.ClassSubset',
    dataset=dict(type='CustomDataset', pipeline=_base_.test_pipeline))
train_dataloader = dict(
    batch_size=32,
    dataset=dict(source=chosen, target=dict(shots=5, dataset=chosen)),
    batch_sampler=dict(epoch=10))
val_dataloader = dict(batch_size=64, dataset=judged)
test_dataloader = dict(batch_size=64, dataset=judged)

by_names = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    # Batch normalization by ImageNet's statistics.
    dict(type='mmjtln.NormEvalHook'),
    # Two thirds of the time on a CPU.
    dict(type='mmjtln.ChannelsLastHook'),
    dict(type='mmjtln.CostMatrixHook', cost=by_names),
]
# Heads that begin at ImageNet's, by the names.
begun = dict(
    type='mmjtln.HeadInitHook', classes='imagenet', cost=by_names, l2_sp=0.02)
shuffled = dict(begun, cost=dict(type='mmjtln.ShuffledCost', cost=by_names))
frozen = dict(type='mmjtln.LPFTHook', share=1.)
rated = dict(grid={'optim_wrapper.optimizer.lr': [0.001, 0.003, 0.01, 0.03]})
target_alone = dict(
    kind='source_free', options={'model.ot_loss': None}, **rated)
comparison = dict(
    methods=dict(
        linear_probe=dict(kind='target', hooks=[frozen], **rated),
        lp_ft=dict(
            kind='target', hooks=[dict(type='mmjtln.LPFTHook')], **rated),
        consecutive=dict(kind='consecutive', **rated),
        joint=dict(kind='joint', **rated),
        linear_probe_names=dict(**target_alone, hooks=[begun, frozen]),
        lp_ft_names=dict(
            **target_alone, hooks=[begun, dict(type='mmjtln.LPFTHook')]),
        fine_tuning_names=dict(**target_alone, hooks=[begun]),
        joint_names=dict(kind='joint', hooks=[begun], **rated),
        joint_shuffled=dict(kind='joint', hooks=[shuffled], **rated),
        jtln_names=dict(kind='jtln', hooks=[begun], **rated)))
