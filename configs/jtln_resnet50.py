# Trains a JTLN with a stock ResNet-50: MNIST digits (source), UCI digits with
# two images a class (target). 64 pixels, from scratch.
#     python tools/train.py configs/jtln_resnet50.py
# Expect no number here: checked for some steps, not trained to the end.
_base_ = ['mmpretrain::_base_/models/resnet50.py', './_base_/jtln_digits.py']
model = dict(
    type='mmjtln.JTLNClassifier',
    head=dict(num_classes=10, topk=(1, )),
    source_head=dict(num_classes=10),
    lambda_ot=dict(value=1.0, begin=0.4))
