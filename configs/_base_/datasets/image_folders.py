# Your own pictures in folders, one folder a class:
#     data/source/<class>/*            the large set, all of it for training
#     data/target/train/<class>/*      the few images that you care about
#     data/target/val/<class>/*        to choose the checkpoint
#     data/target/test/<class>/*       looked at once, at the end
# (tools/dataset_converters/split_pictures.py makes the three of one.)
# The environment variables SOURCE and TARGET name other folders (SOURCE=none:
# no source images, but the classes that the checkpoint knows), SIZE the size
# of the images (96 has a fifth of the pixels of 224, for trials on a CPU) and
# WORKERS the processes that read them. A config that inherits this one sets
# `data_root`, `pipeline` or `num_workers` where they stand: variables such as
# `source_root` have been used by then. Validation and test need a folder for
# each target class, of the same names. `python tools/check_data.py CONFIG`
# looks at all of it.
source_root = '{{$SOURCE:data/source}}'
target_root = '{{$TARGET:data/target}}'
image_size = {{'$SIZE:224'}}
extensions = ('.jpg', '.jpeg', '.jfif', '.png', '.bmp', '.ppm', '.pgm',
              '.tif', '.tiff', '.webp')

# ImageNet's, which pretrained weights expect.
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    # Half of an image at least: with few of them, a crop that misses the
    # object is a wrong label too many.
    dict(
        type='RandomResizedCrop',
        scale=image_size,
        crop_ratio_range=(0.5, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=image_size * 8 // 7, edge='short'),
    dict(type='CenterCrop', crop_size=image_size),
    dict(type='PackInputs'),
]

# Half of each domain. Of a few hundred target images, sixteen a step are
# enough gradient noise to generalise, and fit on a small GPU.
num_workers = {{'$WORKERS:4'}}
# Weight of the loss on source images.
lambda_s = 0.0 if source_root == 'none' else 1.0
train_dataloader = dict(
    batch_size=32,
    num_workers=num_workers,
    dataset=dict(
        type='mmjtln.JointDataset',
        source=dict(
            type='CustomDataset',
            data_root=source_root,
            extensions=extensions,
            pipeline=train_pipeline) if source_root != 'none' else dict(
                type='mmjtln.ClassList', classes='imagenet'),
        target=dict(
            type='CustomDataset',
            data_root=target_root,
            data_prefix='train',
            extensions=extensions,
            pipeline=train_pipeline)),
    sampler=dict(type='DefaultSampler', shuffle=True),
    # Epochs of fixed length: one pass over few images would be a step or two,
    # with a validation after each.
    batch_sampler=dict(
        type='mmjtln.JointSampler', source_share=0.5, epoch=50))

val_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    dataset=dict(
        type='CustomDataset',
        data_root=target_root,
        data_prefix='val',
        extensions=extensions,
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = dict(type='mmjtln.DomainAccuracy', domain='target')

test_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    dataset=dict(
        type='CustomDataset',
        data_root=target_root,
        data_prefix='test',
        extensions=extensions,
        pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False))
test_evaluator = val_evaluator
