# Trains a JTLN with a stock ViT, at the size of DeiT-tiny: MNIST digits
# (source), UCI digits with two images a class (target). 64 pixels, scratch.
#     python tools/train.py configs/jtln_vit.py
# Expect no number here: checked for some steps, not trained to the end.
_base_ = ['mmpretrain::_base_/models/vit-base-p16.py',
          './_base_/jtln_digits.py']
model = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(arch='deit-tiny', img_size=64, patch_size=8),
    head=dict(num_classes=10, in_channels=192),
    source_head=dict(num_classes=10),
    lambda_ot=dict(value=1.0, begin=0.4))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=5e-4))
