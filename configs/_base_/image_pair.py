# The loaders of the comparisons on a pair of data sets. A config adds the data
# sets, their pipelines and the batch sizes.
train_dataloader = dict(
    num_workers=0,
    dataset=dict(
        type='mmjtln.JointDataset',
        target=dict(type='mmjtln.FewShotDataset')),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmjtln.JointSampler', source_share=0.5))
val_dataloader = dict(
    num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='mmjtln.DomainAccuracy')
test_evaluator = val_evaluator
