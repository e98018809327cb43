# Compares, on 1,018 drawings of 24 subjects and 0 to 5 of them a class, the
# same classifiers as food.py. The subjects were chosen by folder before any
# run: those that show one kind of thing in 23 drawings or more.
# Needs: as food.py; the drawings (public domain):
#   python tools/dataset_converters/fetch_pictures.py clipart
# Command: python tools/compare_frozen.py configs/compare/frozen/clipart.py \
#   --shots 0,1,2,5 --against \
#   linear,linear_plan,linear_regression,linear_regression_weighed
# And what tools/adapt.py does (results/clipart_adapt): the same with \
#   --methods \
#   linear,linear_regression_weighed,adapt,adapt_shuffled,adapt_unrelated \
#   --against linear,linear_regression_weighed
# And ICIS (results/clipart_icis): the same with \
#   --methods linear,linear_regression,linear_icis,linear_icis_weighed \
#   --against linear,linear_regression
_base_ = ['../../_base_/compare_frozen.py']

comparison = dict(
    # Before it stands the drawing, after it the number.
    separator='_',
    dataset=dict(type='CustomDataset', data_root='data/clipart'),
    # A small source of other things.
    unrelated=dict(type='CustomDataset', data_root='data/garments'))
