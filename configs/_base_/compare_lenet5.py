# What the comparisons with LeNet-5 share: the network, and 400 steps of 32
# target images. Methods that know the source start from one network trained on
# it for 800 steps.
_base_ = ['./models/jtln_lenet5.py', './image_pair.py']

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
train_dataloader = dict(batch_size=64, batch_sampler=dict(epoch=40))
val_dataloader = dict(batch_size=200)
test_dataloader = dict(batch_size=200)

# Chosen on validation data.
rates = {'optim_wrapper.optimizer.lr': [0.02, 0.05]}
rates_and_weights = {**rates, 'model.lambda_ot': [1., 5.]}
comparison = dict(
    source={'train_cfg.max_epochs': 20},
    methods=dict(
        target_only=dict(grid=rates),
        consecutive=dict(grid=rates),
        joint=dict(grid=rates),
        jtln=dict(grid=rates),
        jtln_label=dict(grid=rates_and_weights),
        jtln_label_random=dict(grid=rates_and_weights),
        jtln_label_mkmmd=dict(
            **_base_.label,
            grid=rates_and_weights,
            cost=dict(
                type='mmjtln.MKMMDCost',
                pipeline=dict(source=test_pipeline, target=test_pipeline)))))
