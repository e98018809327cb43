# Source: 4,500 MNIST digits. Target: UCI digits, two images a class.
# Both come with two pip packages (`pip install -e ".[demo]"`), both are real
# handwriting. Validation is cut from the target's training side; the test
# images are by other writers and are never trained on.
shots = 2

data_preprocessor = dict(
    mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], to_rgb=False)

train_pipeline = [
    dict(type='Resize', scale=64),
    dict(type='RandomCrop', crop_size=64, padding=4),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='Resize', scale=64),
    dict(type='PackInputs'),
]
# MNIST's digits stand within a margin, on 28 x 28 pixels; UCI's fill 8 x 8.
to_target_resolution = [
    dict(type='CenterCrop', crop_size=22),
    dict(type='Resize', scale=8, interpolation='area'),
]
source_test_pipeline = to_target_resolution + test_pipeline

source_train = dict(
    type='mmjtln.MNIST5k',
    split='train',
    pipeline=to_target_resolution + train_pipeline)
target_train = dict(
    type='mmjtln.FewShotDataset',
    shots=shots,
    seed=0,
    dataset=dict(
        type='mmjtln.UCIDigits', split='train', pipeline=train_pipeline))

train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    dataset=dict(
        type='mmjtln.JointDataset', source=source_train, target=target_train),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(
        type='mmjtln.JointSampler', source_share=0.5, epoch=40))

# Both domains are validated, the target's accuracy chooses the checkpoint.
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    dataset=dict(
        type='mmjtln.JointDataset',
        source=dict(
            type='mmjtln.MNIST5k',
            split='test',
            pipeline=source_test_pipeline),
        target=dict(
            type='mmjtln.UCIDigits', split='val', pipeline=test_pipeline)),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = [
    dict(type='mmjtln.DomainAccuracy', domain='target'),
    dict(type='mmjtln.DomainAccuracy', domain='source'),
]

# Testing is on the target alone: a plain data set, as for a stock classifier.
test_dataloader = dict(
    batch_size=100,
    num_workers=1,
    dataset=dict(
        type='mmjtln.UCIDigits', split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False))
test_evaluator = dict(type='mmjtln.DomainAccuracy', domain='target')
