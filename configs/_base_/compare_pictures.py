# What the comparisons on a few pictures, from an ImageNet classifier and
# without a source image, share: EfficientNet-Lite0, 96 pixels, 40 steps of 16
# pictures, and the methods. A config adds the pictures and the cost by their
# classes' names.
_base_ = [
    './models/jtln_efficientnet-lite0.py', './image_pair.py', './schedule.py',
    './runtime.py', './peers.py', './datasets/pictures_96px.py'
]

load_from = 'data/efficientnet-lite0.pth'
model = dict(lambda_s=0.)

train_cfg = dict(max_epochs=4)

train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        source=dict(type='mmjtln.ClassList', classes='imagenet'),
        target=dict(
            shots=5,
            dataset=dict(
                type='CustomDataset', pipeline=_base_.train_pipeline))),
    batch_sampler=dict(epoch=10))
val_dataloader = dict(
    batch_size=64,
    dataset=dict(type='CustomDataset', pipeline=_base_.test_pipeline))
test_dataloader = dict(
    batch_size=64,
    dataset=dict(type='CustomDataset', pipeline=_base_.test_pipeline))

# Chosen on validation data, of four points each: four rates, or two with two
# of the method's own strength. BSS and the KLs begin lower than where there
# are source images. Both KLs have the same relations and the same weights:
# JTLN's is lambda_ot * reg.
two_rates = {'optim_wrapper.optimizer.lr': [0.003, 0.01]}
rated = dict(grid={'optim_wrapper.optimizer.lr': [0.001, 0.003, 0.01, 0.03]})
weights = {'model.lambda_ot': [0.1, 1.]}
strengths = {
    name: peer['grid'] for name, peer in _base_.peer_methods.items()
}
strengths.update(
    bss={'model.eta': [1e-4, 1e-3]},
    co_tuning=strengths['jtln_label_own'],
    co_tuning_hand={'model.lambda_ot': [0.01, 0.1]},
    jtln_label=weights,
    jtln_label_random=weights)
tuned_peers = {
    name: dict(peer, grid=dict(strengths[name], **two_rates))
    for name, peer in _base_.peer_methods.items()
}
# The head alone, the network as it is.
frozen = dict(type='mmjtln.LPFTHook', share=1.)
random_start = dict(
    type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
    cost=dict(type='mmjtln.RandomCost'),
    l2_sp=0.02)
# Those that begin by names get their hooks from a config, which has the names.
begun_by_names = dict(
    **_base_.source_free, options={'model.ot_loss': None}, **rated)
comparison = dict(
    methods=dict(
        consecutive=dict(kind='consecutive', **rated),
        linear_probe=dict(kind='consecutive', hooks=[frozen], **rated),
        l2_sp=tuned_peers['l2_sp'],
        lp_ft=dict(tuned_peers['lp_ft'], **rated),
        bss=tuned_peers['bss'],
        lwf=tuned_peers['lwf'],
        co_tuning=tuned_peers['co_tuning'],
        co_tuning_text=tuned_peers['co_tuning_hand'],
        jtln_label=tuned_peers['jtln_label'],
        jtln_label_own=tuned_peers['jtln_label_own'],
        jtln_label_random=tuned_peers['jtln_label_random'],
        linear_probe_transported=begun_by_names,
        lp_ft_transported=begun_by_names,
        consecutive_transported=begun_by_names,
        consecutive_transported_shuffled=begun_by_names,
        consecutive_transported_random=dict(
            **begun_by_names, hooks=[random_start]),
        jtln_label_transported=tuned_peers['jtln_label']))
