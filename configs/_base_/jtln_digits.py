# The JTLN recipe on the embedded digits, without a model: data, schedule,
# class check and cost matrix. No network is trained on the source beforehand,
# so the first 40 % of the run are joint training without the OT term (a model
# says so by `lambda_ot=dict(value=..., begin=0.4)`); the cost matrix is then
# built from the features the network has learned.
_base_ = [
    './datasets/mnist5k_uci-digits.py',
    './schedule.py',
    './runtime.py',
]

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(
            type='mmjtln.MKMMDCost',
            pipeline=dict(
                source=_base_.source_test_pipeline,
                target=_base_.test_pipeline))),
    # Lets `load_from` take a stock classifier's checkpoint.
    dict(type='mmjtln.StockCheckpointHook'),
]
