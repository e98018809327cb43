# Compares, on 600 pictures of the ten garments of Fashion-MNIST and 0 to 10 of
# them a class, the same classifiers as food.py.
# Needs: as food.py.
# Command: python tools/compare_frozen.py configs/compare/frozen/garments.py \
#   --against \
#   linear,linear_plan,linear_regression,linear_regression_weighed
# And what tools/adapt.py does (results/garments_adapt): the same with \
#   --methods \
#   linear,linear_regression_weighed,adapt,adapt_shuffled,adapt_unrelated \
#   --against linear,linear_regression_weighed
# And ICIS (results/garments_icis): the same with \
#   --methods linear,linear_regression,linear_icis,linear_icis_weighed \
#   --against linear,linear_regression
_base_ = ['../../_base_/compare_frozen.py']

comparison = dict(
    dataset=dict(type='CustomDataset', data_root='data/garments'),
    # A small source of other things.
    unrelated=dict(type='CustomDataset', data_root='data/food'))
