# What the comparisons on frozen features share: the network, the methods and
# the penalties, each chosen on validation pictures.
_base_ = ['../stock/efficientnet-lite0.py']

fitted = dict(penalty=[0.01, 0.0001, 0.001, 0.1, 1., 10., 100.])
shares = dict(share=[1., 0.1, 0.3, 3., 10.])
comparison = dict(
    source_classes='imagenet',
    # One prompt for all sets: of the photo prompt and the bare name, that by
    # which leave-one-out predicts ImageNet's own weights better (R2 0.045 and
    # 0.042).
    cost=dict(type='mmjtln.TextCost', prompt='a photo of a {}'),
    methods=dict(
        linear=dict(classifier='linear', grid=fitted),
        # The start carried over, as it is and weighed by the pictures.
        linear_plan=dict(classifier='linear', start='plan', grid=fitted),
        linear_plan_weighed=dict(
            classifier='linear', start='plan', weigh=True, grid=fitted),
        linear_regression=dict(
            classifier='linear', start='regression', grid=fitted),
        linear_regression_weighed=dict(
            classifier='linear', start='regression', weigh=True, grid=fitted),
        # The same with nothing chosen.
        linear_regression_default=dict(
            classifier='linear', start='regression', weigh=True,
            grid=dict(penalty=[0.01])),
        linear_nearest=dict(classifier='linear', start='nearest', grid=fitted),
        linear_nearest_weighed=dict(
            classifier='linear', start='nearest', weigh=True, grid=fitted),
        linear_mean=dict(classifier='linear', start='mean', grid=fitted),
        linear_mean_weighed=dict(
            classifier='linear', start='mean', weigh=True, grid=fitted),
        linear_sparse=dict(classifier='linear', start='sparse', grid=fitted),
        linear_sparse_weighed=dict(
            classifier='linear', start='sparse', weigh=True, grid=fitted),
        linear_icis=dict(classifier='linear', start='icis', grid=fitted),
        linear_icis_weighed=dict(
            classifier='linear', start='icis', weigh=True, grid=fitted),
        # Controls: the target classes exchanged, costs drawn, a small source
        # of other things, and the source head's own view of the few pictures.
        linear_shuffled=dict(
            classifier='linear', start='regression', names='shuffled',
            grid=fitted),
        linear_shuffled_weighed=dict(
            classifier='linear', start='regression', names='shuffled',
            weigh=True, grid=fitted),
        linear_random=dict(
            classifier='linear', start='plan', names='random', grid=fitted),
        linear_random_weighed=dict(
            classifier='linear', start='plan', names='random', weigh=True,
            grid=fitted),
        linear_unrelated=dict(
            classifier='linear', start='regression', names='unrelated',
            grid=fitted),
        linear_unrelated_weighed=dict(
            classifier='linear', start='regression', names='unrelated',
            weigh=True, grid=fitted),
        linear_own=dict(classifier='linear', start='own', grid=fitted),
        # The OT term on the few pictures, the gradient to the target head.
        linear_ot=dict(
            classifier='linear',
            grid=dict(penalty=[0.01], lambda_ot=[0.3, 1.])),
        linear_regression_ot=dict(
            classifier='linear', start='regression', weigh=True,
            grid=dict(penalty=[0.01], lambda_ot=[0.3, 1.])),
        # What tools/adapt.py does: the start weighed, or zero, by
        # cross-validation.
        adapt=dict(classifier='adapt', start='regression'),
        adapt_shuffled=dict(
            classifier='adapt', start='regression', names='shuffled'),
        adapt_unrelated=dict(
            classifier='adapt', start='regression', names='unrelated'),
        # Other classifiers.
        clap_regression=dict(
            classifier='clap', start='regression', grid=fitted),
        # CL2N: features centred and of one length.
        cl2n=dict(classifier='cl2n', grid=fitted),
        cl2n_regression=dict(
            classifier='cl2n', start='regression', weigh=True, grid=fitted),
        imprinting=dict(classifier='imprinting'),
        imprinting_regression=dict(
            classifier='imprinting', start='regression', grid=shares),
        cache_regression=dict(
            classifier='cache', start='regression', grid=dict(
                alpha=[10., 3., 30., 100., 300.], beta=[5., 0.2, 1., 20.])),
        conse=dict(classifier='conse'),
        mapping=dict(classifier='mapping')))
