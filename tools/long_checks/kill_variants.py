"""The runs that `kill_and_resume.py` kills: small, on embedded digits."""
EPOCHS, STEPS = 4, 6

PIPELINE = [
    dict(type='Resize', scale=36),
    dict(type='RandomCrop', crop_size=32, padding=2),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Rotate', angle=20., prob=0.5),  # Draws from NumPy's.
    dict(type='NumpyToPIL'),
    dict(type='torchvision/RandomInvert', p=0.3),  # Draws from torch's.
    dict(type='PILToNumpy'),
    dict(type='PackInputs'),
]
TEST_PIPELINE = [dict(type='Resize', scale=32), dict(type='PackInputs')]


def joint(pipeline: list | dict) -> dict:
    return dict(
        type='mmjtln.JointDataset',
        source=dict(type='mmjtln.MNIST5k', split='test', pipeline=pipeline),
        target=dict(
            type='mmjtln.UCIDigits', split='val', pipeline=pipeline))


CONFIG = dict(
    default_scope='mmpretrain',
    custom_imports=dict(imports=['mmjtln'], allow_failed_imports=False),
    model=dict(
        type='mmjtln.JTLNClassifier',
        backbone=dict(
            type='ResNet', depth=18, stem_channels=8, base_channels=8,
            norm_cfg=dict(type='GN', num_groups=4), drop_path_rate=0.1),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='StackedLinearClsHead', num_classes=10, in_channels=64,
            mid_channels=[32], dropout_rate=0.3),
        source_head=dict(num_classes=10)),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    train_dataloader=dict(
        batch_size=8, num_workers=0, dataset=joint(PIPELINE),
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='mmjtln.JointSampler', epoch=STEPS)),
    val_dataloader=dict(
        batch_size=50, num_workers=0,
        dataset=dict(type='mmjtln.UCIDigits', split='val',
                     pipeline=TEST_PIPELINE),
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False)),
    val_evaluator=dict(type='mmjtln.DomainAccuracy'),
    optim_wrapper=dict(
        optimizer=dict(type='AdamW', lr=3e-3), clip_grad=dict(max_norm=5.)),
    param_scheduler=dict(
        type='CosineAnnealingLR', by_epoch=False, T_max=EPOCHS * STEPS),
    train_cfg=dict(by_epoch=True, max_epochs=EPOCHS),
    val_cfg=dict(),
    default_hooks=dict(
        logger=dict(type='LoggerHook', interval=1),
        checkpoint=dict(
            type='mmjtln.ResumableCheckpointHook', interval=1,
            max_keep_ckpts=1, save_best='target/accuracy/top1')),
    custom_hooks=[
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.CostMatrixHook',
             cost=dict(type='mmjtln.MKMMDCost', pipeline=TEST_PIPELINE,
                       samples_per_class=2)),
    ],
    randomness=dict(seed=0))

MIXUP = {'model.train_cfg': dict(augments=dict(type='Mixup', alpha=0.4))}
EMA = {'custom_hooks': CONFIG['custom_hooks'] + [dict(type='EMAHook')]}
WORKERS = {'train_dataloader.num_workers': 2}
BY_ITERATION = {
    # An epoch of the sampler, 11 steps, ends between two checkpoints.
    'train_dataloader.batch_sampler.epoch': 11,
    'train_cfg': dict(by_epoch=False, max_iters=EPOCHS * STEPS,
                      val_interval=STEPS, _delete_=True),
    'default_hooks.checkpoint': dict(by_epoch=False, interval=4),
}
CLASS_LIST = {
    # Another kind of start: no source images, the head of a checkpoint.
    'load_from': 'stock.pth',
    'model.lambda_s': 0.,
    'train_dataloader.dataset.source': dict(
        type='mmjtln.ClassList', classes='checkpoint', _delete_=True),
    'custom_hooks': [
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.StockCheckpointHook'),
        dict(type='mmjtln.CostMatrixHook',
             cost=dict(type='mmjtln.RandomCost'))],
}
SEVERAL_SOURCES = {
    'train_dataloader.dataset.source': dict(
        type='mmjtln.UnionDataset', draw=[3, 1], _delete_=True,
        datasets=[
            dict(type='mmjtln.MNIST5k', split='test', pipeline=PIPELINE),
            dict(type='mmjtln.UCIDigits', split='val', pipeline=PIPELINE)]),
    'model.source_head.num_classes': 20,
}
TRANSPORTED = {
    **CLASS_LIST,
    'custom_hooks': [*CLASS_LIST['custom_hooks'],
                     dict(type='mmjtln.HeadInitHook', l2_sp=0.1)],
}
CONTROL = 'control: the CheckpointHook of MMEngine'
#: Name -> (options over CONFIG, number of processes). All have random
#: augmentation, dropout, stochastic depth and a schedule.
VARIANTS = {
    'by epoch': ({}, 1),
    'by epoch, 2 workers, Mixup, EMA': ({**WORKERS, **MIXUP, **EMA}, 1),
    'by iteration': (BY_ITERATION, 1),
    'by iteration, 2 workers, Mixup, EMA': (
        {**BY_ITERATION, **WORKERS, **MIXUP, **EMA}, 1),
    'by epoch, seed drawn, accumulation': (
        {'randomness': dict(seed=None),
         'optim_wrapper.accumulative_counts': 2}, 1),
    '2 processes, by epoch, Mixup, EMA': (
        {'train_dataloader.batch_size': 4, **MIXUP, **EMA}, 2),
    '2 processes, by iteration': (
        {'train_dataloader.batch_size': 4, **BY_ITERATION}, 2),
    'class list as source': (CLASS_LIST, 1),
    '2 processes, class list as source, EMA': (
        {'train_dataloader.batch_size': 4, **CLASS_LIST,
         'custom_hooks': [*CLASS_LIST['custom_hooks'],
                          dict(type='EMAHook')]}, 2),
    'class list as source, transported head': (TRANSPORTED, 1),
    'two sources': (SEVERAL_SOURCES, 1),
    '2 processes, two sources, by iteration': (
        {'train_dataloader.batch_size': 4, **BY_ITERATION,
         **SEVERAL_SOURCES}, 2),
    # What the comparison finds where nothing is done for it.
    f'{CONTROL}, by epoch': (
        {'default_hooks.checkpoint.type': 'CheckpointHook'}, 1),
}
