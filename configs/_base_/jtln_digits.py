# The JTLN recipe on the embedded digits, without a model: data, schedule,
# class check, and a cost matrix from the features of the untrained network.
_base_ = [
    './datasets/mnist5k_uci-digits.py',
    './schedule.py',
    './runtime.py',
]

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(type='mmjtln.MKMMDCost', pipeline=_base_.test_pipeline)),
]
