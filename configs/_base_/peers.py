# Peers of JTLN (mmjtln/peers/README.md) and heads carried over by class names,
# beside JTLN as recommended. Each has two points to choose from on validation
# data: its own strength or, where it has none, the learning rate.
peer_rates = {'optim_wrapper.optimizer.lr': [0.02, 0.05]}
by_text = dict(type='mmjtln.TextCost', prompt='a photo of a {}')
# A network's own relation of the classes, -log p(y_s | y_t): reg is 1 for it.
own = dict(
    type='mmjtln.ConfusionCost',
    double_centre=False,
    scale=False)
by_label = {'model.own_marginal': 'label'}
# Two heads on the target's images alone, from the network trained on the
# source.
source_free = dict(kind='source_free', start='source')
# JTLN with the label, the KL weighing lambda_ot times reg.
with_label = dict(
    kind='jtln',
    start='source',
    options=by_label,
    grid={'model.lambda_ot': [1., 5.]})
transported = [dict(
    type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
    cost=by_text)]

peer_methods = dict(
    consecutive=dict(kind='consecutive', grid=peer_rates),
    l2_sp=dict(
        kind='consecutive',
        hooks=[dict(type='mmjtln.L2SPHook')],
        options={
            'optim_wrapper.paramwise_cfg.custom_keys': {
                'head.': dict(decay_mult=0.1)
            }
        },
        grid={'optim_wrapper.optimizer.weight_decay': [0.01, 0.1]}),
    lp_ft=dict(
        kind='consecutive',
        hooks=[dict(type='mmjtln.LPFTHook')],
        grid=peer_rates),
    bss=dict(
        kind='consecutive',
        options={'model.type': 'mmjtln.BSSClassifier'},
        grid={'model.eta': [1e-3, 1e-2]}),
    lwf=dict(
        **source_free,
        options={
            'model.type': 'mmjtln.LwFClassifier',
            'model.ot_loss': None
        },
        grid={'model.weight': [1., 4.]}),
    # Forward KL, own relation and the config's: two of the two by two.
    co_tuning=dict(
        **source_free,
        cost=own,
        options={
            **by_label, 'model.ot_loss':
            dict(type='mmjtln.CoTuningLoss', _delete_=True)
        },
        grid={'model.lambda_ot': [0.5, 2.3]}),
    co_tuning_hand=dict(
        **source_free,
        options={
            **by_label, 'model.ot_loss':
            dict(type='mmjtln.CoTuningLoss', reg=0.1, _delete_=True)
        },
        grid={'model.lambda_ot': [0.5, 2.3]}),
    joint=dict(kind='joint', start='source', grid=peer_rates),
    # Reverse KL, likewise.
    jtln_label=with_label,
    jtln_label_own=dict(
        kind='jtln',
        start='source',
        cost=own,
        options={
            **by_label, 'model.ot_loss': dict(reg=1.)
        },
        grid={'model.lambda_ot': [0.1, 0.5]}),
    consecutive_transported=dict(
        **source_free,
        hooks=transported,
        options={'model.ot_loss': None},
        grid=peer_rates),
    consecutive_transported_random=dict(
        **source_free,
        hooks=[
            dict(
                type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
                cost=dict(type='mmjtln.RandomCost'))
        ],
        options={'model.ot_loss': None},
        grid=peer_rates),
    joint_transported=dict(
        kind='joint', start='source', hooks=transported, grid=peer_rates),
    jtln_label_transported=dict(**with_label, hooks=transported),
    # The same with what C does not know.
    jtln_label_random=dict(**with_label, cost=dict(type='mmjtln.RandomCost')),
    jtln_label_text=dict(**with_label, cost=by_text),
    # Source images drawn by what the network, and by what the names say.
    joint_by_predictions=dict(
        kind='joint',
        start='source',
        hooks=[dict(type='mmjtln.SourceWeightsHook', cost=own)],
        grid=peer_rates),
    joint_by_plan=dict(
        kind='joint',
        start='source',
        hooks=[
            dict(
                type='mmjtln.SourceWeightsHook',
                cost=by_text,
                reg=0.05,
                relax=0.05)
        ],
        grid=peer_rates))
