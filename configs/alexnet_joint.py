# Trains: the joint baseline, the objective without its OT term; data, network
# and steps as in jtln_alexnet.py.
# Command: python tools/train.py configs/alexnet_joint.py
# Expect: target test accuracy 87.4 (3.9) % (mean and SD of seeds 0-2).
_base_ = ['./jtln_alexnet.py']

model = dict(ot_loss=None)
custom_hooks = [dict(type='mmjtln.ClassCheckHook')]
