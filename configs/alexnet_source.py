# Trains: the first stage of the consecutive baseline, a stock classifier on
# 4,500 MNIST digits; alexnet_consecutive.py goes on from its last checkpoint.
# Command: python tools/train.py configs/alexnet_source.py
# Expect: source validation accuracy 97 % (seed 0).
_base_ = ['./alexnet_target-only.py']

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmjtln.MNIST5k',
        split='train',
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmjtln.MNIST5k',
        split='test',
        pipeline=_base_.test_pipeline))
val_evaluator = [dict(type='Accuracy')]
test_dataloader = None
test_evaluator = None
test_cfg = None

train_cfg = dict(max_epochs=4)
default_hooks = dict(checkpoint=dict(save_best=None, save_optimizer=False))
