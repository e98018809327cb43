# Trains: the target-only baseline, a stock classifier on two UCI digits a
# class; network and target images a step as in jtln_alexnet.py.
# Command: python tools/train.py configs/alexnet_target-only.py
# Expect: target test accuracy 78.6 (2.1) % (mean and SD of seeds 0-2).
_base_ = [
    './_base_/models/alexnet.py',
    './_base_/datasets/mnist5k_uci-digits.py',
    './_base_/schedule.py',
    './_base_/runtime.py',
]

# As many target images a step, and steps an epoch, as the joint recipe.
train_dataloader = dict(
    batch_size=32,
    drop_last=True,
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=64,
        dataset=_base_.target_train),
    batch_sampler=None)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmjtln.UCIDigits',
        split='val',
        pipeline=_base_.test_pipeline))
val_evaluator = [_base_.test_evaluator]
