# Compares what one would do with an ImageNet classifier and source images:
# photographs of four food groups as source images, and five photographs of
# each of the four others.
# Needs: as frozen/food.py.
# Command: python tools/compare_methods.py \
#   configs/compare/food_halves.py --tune 100-102 --shots 5 --jobs 2 \
#   --against consecutive,joint_names,joint_shuffled
# Found: all are level with joint_names, the recipe.
_base_ = ['../_base_/compare_halves.py', '../_base_/datasets/food.py']

source = [
    'cereals and millets', 'fruits', 'green leafy vegetables',
    'nuts and oil seeds'
]
target = [
    'condiments and spices', 'grain legumes', 'marine fish',
    'other vegetables'
]

model = dict(
    head=dict(num_classes=len(target)),
    source_head=dict(num_classes=len(source)))
train_dataloader = dict(
    dataset=dict(
        source=dict(classes=source, dataset=_base_.pictures),
        target=dict(dataset=dict(classes=target, dataset=_base_.drawn))))
val_dataloader = dict(dataset=dict(classes=target, dataset=_base_.validated))
test_dataloader = dict(dataset=dict(classes=target, dataset=_base_.tested))
