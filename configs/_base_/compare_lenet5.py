# What the comparisons with LeNet-5 share: the network, 400 steps of 32 target
# images, and the methods. Those that know the source start from one network
# trained on it for 800 steps.
_base_ = ['./models/jtln_lenet5.py', './schedule.py', './runtime.py']

batch_size = 64
optim_wrapper = dict(optimizer=dict(lr=0.05))
default_hooks = dict(logger=dict(interval=40))

train_pipeline = [
    dict(type='Resize', scale=32),
    dict(type='RandomCrop', crop_size=32, padding=2),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='Resize', scale=32),
    dict(type='PackInputs'),
]
data_preprocessor = dict(mean=[127.5], std=[127.5], to_rgb=False)
sampler = dict(type='DefaultSampler', shuffle=True)
batch_sampler = dict(type='mmjtln.JointSampler', source_share=0.5, epoch=40)

# Chosen on validation data.
learning_rates = {'optim_wrapper.optimizer.lr': [0.02, 0.05]}
# JTLN as recommended: the transport is between the source head's prediction
# and the target image's label.
label = dict(
    kind='jtln',
    start='source',
    options={'model.own_marginal': 'label'},
    grid={**learning_rates, 'model.lambda_ot': [1., 5.]})
comparison = dict(
    source={'train_cfg.max_epochs': 20},
    methods=dict(
        target_only=dict(kind='target', grid=learning_rates),
        consecutive=dict(kind='consecutive', grid=learning_rates),
        joint=dict(kind='joint', start='source', grid=learning_rates),
        # The paper's terms as they are: both marginals are predictions.
        jtln=dict(kind='jtln', start='source', grid=learning_rates),
        jtln_label=label,
        jtln_label_mkmmd=dict(
            **label,
            cost=dict(
                type='mmjtln.MKMMDCost',
                pipeline=dict(source=test_pipeline, target=test_pipeline))),
        jtln_label_random=dict(
            **label, cost=dict(type='mmjtln.RandomCost'))))
