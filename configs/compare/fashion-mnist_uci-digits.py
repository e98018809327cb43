# Compares, as a negative control: garments (20,000 of Fashion-MNIST) to UCI
# digits (5 a class). The source has nothing to do with the target, so nobody
# knows a cost matrix, and the features must do. For the data see
# fashion-mnist.py.
# Command: python tools/compare_methods.py \
#   configs/compare/fashion-mnist_uci-digits.py \
#   --seeds 0-9 --tune 100-101 --jobs 2 --against target_only,consecutive \
#   --methods target_only,consecutive,joint,jtln_label
_base_ = ['./mnist5k_uci-digits.py']

pipelines = dict(
    source=_base_.test_pipeline, target=_base_.target_test_pipeline)
train_dataloader = dict(
    dataset=dict(
        source=dict(
            _delete_=True,
            type='FashionMNIST',
            data_root='data/fashion-mnist',
            indices=20000,
            pipeline=_base_.train_pipeline)))
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(type='mmjtln.MKMMDCost', pipeline=pipelines)),
]
