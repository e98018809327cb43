# EfficientNet-Lite0 with ImageNet's weights in mind: a config says where they
# are, load_from, see ../../stock/efficientnet-lite0.py.
model = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(type='TIMMBackbone', model_name='tf_efficientnet_lite0'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=None, in_channels=1280,
              topk=(1, )),
    source_head=dict(num_classes=None))
