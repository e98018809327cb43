# What the comparisons on frozen features share: the network, the methods and
# the grids of options, each chosen on validation pictures.
_base_ = ['../stock/efficientnet-lite0.py']

penalties = [0.001, 0.01, 0.1]
# Without a picture the first of each list is taken: the defaults.
plan = dict(penalty=[0.01, 0.001, 0.1], relax=[0.05, 0.0125, 0.2])
relaxed = [dict(source=0.1), dict(source=1.)]
comparison = dict(
    source_classes='imagenet',
    methods=dict(
        linear=dict(classifier='linear', grid=dict(penalty=penalties)),
        linear_text=dict(classifier='linear', start='text', grid=plan),
        # Nothing chosen.
        linear_text_default=dict(
            classifier='linear', start='text',
            grid=dict(penalty=[0.01], relax=[0.05])),
        # The nearest names, each to each, instead of a plan.
        linear_text_kappa0=dict(
            classifier='linear', start='text',
            grid=dict(penalty=penalties, relax=[0.])),
        # Controls: the target classes exchanged, costs drawn, and the source
        # head's own view of the few pictures.
        linear_shuffled=dict(
            classifier='linear', start='shuffled', grid=plan),
        linear_random=dict(classifier='linear', start='random', grid=plan),
        linear_own=dict(
            classifier='linear', start='own', grid=dict(penalty=penalties)),
        # The OT term on the few pictures, the gradient to the target head.
        linear_ot=dict(
            classifier='linear',
            grid=dict(penalty=[0.01], lambda_ot=[0.3, 1.])),
        linear_text_ot=dict(
            classifier='linear', start='text',
            grid=dict(penalty=[0.01], relax=[0.05], lambda_ot=[0.3, 1.])),
        # The same with the source side relaxed: a source class that no
        # target class is near need not send its mass anywhere.
        linear_ot_relaxed=dict(
            classifier='linear',
            grid=dict(penalty=[0.01], lambda_ot=[0.3, 1.], ot_relax=relaxed)),
        linear_text_ot_relaxed=dict(
            classifier='linear', start='text',
            grid=dict(penalty=[0.01], relax=[0.05], lambda_ot=[0.3, 1.],
                      ot_relax=relaxed)),
        # CL2N: features centred and of one length.
        cl2n=dict(classifier='cl2n', grid=dict(penalty=penalties)),
        cl2n_text=dict(classifier='cl2n', start='text', grid=plan),
        imprinting=dict(classifier='imprinting'),
        imprinting_text=dict(
            classifier='imprinting', start='text',
            grid=dict(share=[1., 0.3], relax=[0.05, 0.0125, 0.2]))))
