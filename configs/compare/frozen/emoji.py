# Compares, on 436 emoji in two designs, fifteen of Unicode's subgroups and 0
# to 10 pictures a class, the same classifiers as food.py. All pictures of an
# emoji are on one side of a split.
# Needs: as food.py; the pictures (Apache-2.0, CC-BY-4.0):
#   python tools/dataset_converters/fetch_pictures.py emoji
# Command: python tools/compare_frozen.py configs/compare/frozen/emoji.py \
#   --against \
#   linear,linear_plan,linear_regression,linear_regression_weighed
# And what tools/adapt.py does (results/emoji_adapt): the same with \
#   --methods \
#   linear,linear_regression_weighed,adapt,adapt_shuffled,adapt_unrelated \
#   --against linear,linear_regression_weighed
# And ICIS (results/emoji_icis): the same with \
#   --methods linear,linear_regression,linear_icis,linear_icis_weighed \
#   --against linear,linear_regression
_base_ = ['../../_base_/compare_frozen.py']

comparison = dict(
    # Before it stands the emoji, after it the design.
    separator='_',
    dataset=dict(type='CustomDataset', data_root='data/emoji'),
    # A small source of other things.
    unrelated=dict(type='CustomDataset', data_root='data/garments'))
