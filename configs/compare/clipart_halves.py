# Compares what one would do with an ImageNet classifier and source images:
# drawings of twelve subjects as source images, and five drawings of each of
# twelve others.
# Needs: as frozen/clipart.py.
# Command: python tools/compare_methods.py \
#   configs/compare/clipart_halves.py --tune 100-102 --shots 5 --jobs 2 \
#   --against consecutive,joint_names,joint_shuffled
# Found: the recipe, joint_names, is 11.1 points ahead of consecutive
# fine-tuning, and level with what begins at the names without source images.
_base_ = ['../_base_/compare_halves.py', '../_base_/datasets/clipart.py']

source = [
    'beverage', 'boating', 'bread', 'clock', 'computer hardware', 'fish',
    'fruit', 'home', 'meat and eggs', 'road sign', 'toy', 'weapon'
]
target = [
    'bird', 'body part', 'bug', 'clothing', 'dessert', 'flower', 'hat',
    'mammal', 'music', 'sports', 'vehicle', 'weather'
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
