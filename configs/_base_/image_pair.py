# What the comparisons on a pair of data sets share: loaders, hooks, methods. A
# config adds the network, the data sets and pipelines, batch sizes, the cost
# matrix and the options that are chosen on validation data.
_base_ = ['./schedule.py', './runtime.py']

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

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
]

# JTLN as recommended: the transport is between the source head's prediction
# and the target image's label.
label = dict(
    kind='jtln', start='source', options={'model.own_marginal': 'label'})
comparison = dict(
    methods=dict(
        target_only=dict(kind='target'),
        consecutive=dict(kind='consecutive'),
        joint=dict(kind='joint', start='source'),
        # The paper's terms as they are: both marginals are predictions.
        jtln=dict(kind='jtln', start='source'),
        jtln_label=label,
        jtln_label_random=dict(
            **label, cost=dict(type='mmjtln.RandomCost'))))
