# LeNet-5 without its classifier, two heads: for 32 x 32 gray images, and for
# experiments of many runs, a step takes a few milliseconds.
model = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(type='LeNet5'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=120),
    source_head=dict(num_classes=10))
