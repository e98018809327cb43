# Source: ILSVRC2012 (1.28 million images, 1000 classes). Target: FGVC-Aircraft
# (100 variants, 3,334 images to train on, 3,333 each to validate and to test).
# Both are to be fetched by hand, see
# https://image-net.org and https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft.
# A list of ILSVRC2012's classes only: wrap `source_train` in
# dict(type='mmjtln.ClassSubset', classes=[...], dataset=...).
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

source_train = dict(
    type='ImageNet', data_root='data/imagenet', split='train',
    pipeline=train_pipeline)
target_train = dict(
    type='FGVCAircraft', data_root='data/fgvc-aircraft-2013b',
    split='train', pipeline=train_pipeline)

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    dataset=dict(
        type='mmjtln.JointDataset', source=source_train, target=target_train),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmjtln.JointSampler', source_share=0.5))

val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(
        type='FGVCAircraft', data_root='data/fgvc-aircraft-2013b',
        split='val', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = dict(type='mmjtln.DomainAccuracy', domain='target')

test_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(
        type='FGVCAircraft', data_root='data/fgvc-aircraft-2013b',
        split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False))
test_evaluator = val_evaluator
