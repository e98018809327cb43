# A ResNet-18 for 32 x 32 gray images, a quarter as wide, two heads. A config
# that inherits another network takes it by `dict(_delete_=True, **resnet)`.
resnet = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        in_channels=1,
        stem_channels=16,
        base_channels=16,
        num_stages=3,
        # The first stage, too, halves: a step takes 40 ms on a CPU core.
        strides=(2, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2, ),
        # Batches are small.
        norm_cfg=dict(type='GN', num_groups=8, requires_grad=True)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=5, in_channels=64),
    source_head=dict(num_classes=5))
