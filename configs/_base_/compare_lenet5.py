# What the comparisons with LeNet-5 share: the network, for 32 x 32 gray images
# (a step takes a few milliseconds), and the methods. Those that know the
# source start from one network trained on it for 800 steps.
model = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(type='LeNet5'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=120),
    source_head=dict(num_classes=10))

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

# Chosen on validation data.
rates = {'optim_wrapper.optimizer.lr': [0.02, 0.05]}
rates_and_weights = {**rates, 'model.lambda_ot': [1., 5.]}
# JTLN as recommended: the transport is between the source head's prediction
# and the target image's label.
label = dict(
    kind='jtln', start='source', options={'model.own_marginal': 'label'})
tuned_label = dict(**label, grid=rates_and_weights)
comparison = dict(
    source={'train_cfg.max_epochs': 20},
    methods=dict(
        target_only=dict(kind='target', grid=rates),
        consecutive=dict(kind='consecutive', grid=rates),
        joint=dict(kind='joint', start='source', grid=rates),
        # The paper's terms as they are: both marginals are predictions.
        jtln=dict(kind='jtln', start='source', grid=rates),
        jtln_label=tuned_label,
        jtln_label_random=dict(
            **tuned_label, cost=dict(type='mmjtln.RandomCost')),
        jtln_label_mkmmd=dict(
            **tuned_label,
            cost=dict(
                type='mmjtln.MKMMDCost',
                pipeline=dict(source=test_pipeline, target=test_pipeline)))))
