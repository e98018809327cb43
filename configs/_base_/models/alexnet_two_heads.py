# AlexNet as in the paper: conv1-conv5, fc6 and fc7 are shared, each head is
# AlexNet's last layer.
_base_ = ['./alexnet.py']

model = dict(
    type='mmjtln.JTLNClassifier',
    source_head=dict(num_classes=10),
    lambda_ot=dict(value=1.0, begin=0.4))
