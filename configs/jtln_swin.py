# Trains a JTLN with a stock Swin-T, Mixup and CutMix within each domain:
# MNIST digits (source), UCI digits with two images a class (target).
#     python tools/train.py configs/jtln_swin.py
# Expect no number here: checked for some steps, not trained to the end.
_base_ = ['mmpretrain::_base_/models/swin_transformer/tiny_224.py',
          './_base_/jtln_digits.py']
model = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(img_size=64, pad_small_map=True),
    head=dict(num_classes=10),
    source_head=dict(num_classes=10),
    lambda_ot=dict(value=1.0, begin=0.4))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=5e-4))
