# Compares, on garments, where validation chooses the smallest penalty most
# often, the same linear classifiers with penalties down to a billionth.
# Needs: as garments.py.
# Command: python \
#   tools/compare_frozen.py configs/compare/frozen/garments_penalties.py
# Found: three of 20 choices are the smallest penalty again, and no accuracy
# grows by more than 0.3.
_base_ = ['../../_base_/compare_frozen.py']

wide = dict(penalty=[
    0.01, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 0.0001, 0.001, 0.1, 1., 10., 100.,
    1000.
])
comparison = dict(
    dataset=dict(type='CustomDataset', data_root='data/garments'),
    methods=dict(
        _delete_=True,
        linear=dict(classifier='linear', grid=wide),
        linear_plan=dict(classifier='linear', start='plan', grid=wide),
        linear_regression=dict(
            classifier='linear', start='regression', grid=wide),
        linear_regression_weighed=dict(
            classifier='linear', start='regression', weigh=True, grid=wide),
        linear_nearest=dict(classifier='linear', start='nearest', grid=wide)))
