# What the comparisons of tuning on a few pictures of a real size share, from
# an ImageNet classifier and without a source image: EfficientNet-Lite0 at its
# own 224 pixels, 40 steps of 16 pictures, validated at their end. The head
# alone (linear probe), it and then all (LP-FT), or all at once, from zero and
# from the class names. A config adds the pictures.
_base_ = [
    './models/jtln_efficientnet-lite0.py', './image_pair.py', './schedule.py',
    './runtime.py'
]

load_from = 'data/efficientnet-lite0.pth'
model = dict(lambda_s=0., ot_loss=None, source_head=dict(num_classes=1000))
data_preprocessor = dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True)

pillow = dict(backend='pillow', interpolation='bicubic')
chosen = dict(
    type='CustomDataset',
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='RandomResizedCrop', scale=224,
             crop_ratio_range=(0.5, 1.0), **pillow),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='PackInputs'),
    ])
judged = dict(
    type='CustomDataset',
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='ResizeEdge', scale=224, edge='short', **pillow),
        dict(type='CenterCrop', crop_size=224),
        dict(type='PackInputs'),
    ])
train_cfg = dict(max_epochs=1)
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        source=dict(type='mmjtln.ClassList', classes='imagenet'),
        target=dict(shots=5, dataset=chosen)),
    batch_sampler=dict(epoch=40))
val_dataloader = dict(batch_size=64, dataset=judged)
test_dataloader = dict(batch_size=64, dataset=judged)

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    # Batch normalization by ImageNet's statistics.
    dict(type='mmjtln.NormEvalHook'),
    # Two thirds of the time on a CPU.
    dict(type='mmjtln.ChannelsLastHook'),
]
by_names = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
begun = dict(type='mmjtln.HeadInitHook', cost=by_names, l2_sp=0.02)
shuffled = dict(begun, cost=dict(type='mmjtln.ShuffledCost', cost=by_names))
frozen = dict(type='mmjtln.LPFTHook', share=1.)
half_frozen = dict(type='mmjtln.LPFTHook')
# A head alone takes the largest rates, a network from a head the smallest.
lr = 'optim_wrapper.optimizer.lr'
large = dict(grid={lr: [0.003, 0.01, 0.03, 0.1]})
middle = dict(grid={lr: [0.001, 0.003, 0.01, 0.03]})
small = dict(grid={lr: [0.0003, 0.001, 0.003, 0.01]})
zero, names = dict(kind='consecutive'), dict(kind='source_free')
comparison = dict(
    methods=dict(
        linear_probe=dict(**zero, **large, hooks=[frozen]),
        lp_ft=dict(**zero, **middle, hooks=[half_frozen]),
        fine_tuning=dict(**zero, **middle),
        linear_probe_names=dict(**names, **large, hooks=[begun, frozen]),
        lp_ft_names=dict(**names, **middle, hooks=[begun, half_frozen]),
        lp_ft_shuffled=dict(**names, **middle, hooks=[shuffled, half_frozen]),
        fine_tuning_names=dict(**names, **small, hooks=[begun])))
