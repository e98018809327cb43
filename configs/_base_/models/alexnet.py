# AlexNet as a stock classifier: conv1-conv5, fc6, fc7 and one head, for the
# digits' 64 pixels. Of those conv5 leaves a single cell; pooling it to the 6 x
# 6 of ImageNet-sized images would copy it 36 times and fc6 be as much slower.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='AlexNet'),
    neck=dict(type='mmjtln.AlexNetNeck', pool_size=1),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=4096,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
        cal_acc=True),
    # PyTorch's own initialization leaves AlexNet on a plateau for long.
    init_cfg=dict(type='Kaiming', layer=['Conv2d', 'Linear'], mode='fan_in'))
