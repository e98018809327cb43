# The same AlexNet as a stock classifier: backbone, fc6, fc7 and one head.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='AlexNet'),
    neck=dict(type='mmjtln.AlexNetNeck'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=4096,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
        cal_acc=True),
    # PyTorch's own initialization leaves AlexNet on a plateau for long.
    init_cfg=dict(type='Kaiming', layer=['Conv2d', 'Linear'], mode='fan_in'))
