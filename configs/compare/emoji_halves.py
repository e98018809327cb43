# Compares what one would do with an ImageNet classifier and source images:
# emoji of eight of Unicode's subgroups as source images, and five emoji of
# each of seven others.
# Needs: as frozen/emoji.py.
# Command: python tools/compare_methods.py \
#   configs/compare/emoji_halves.py --tune 100-102 --shots 5 --jobs 2 \
#   --against consecutive,joint_names,joint_shuffled
# Found: the recipe, joint_names, with and without the OT term, and LP-FT from
# names are level, 6 to 7 points ahead of consecutive fine-tuning.
_base_ = ['../_base_/compare_halves.py', '../_base_/datasets/emoji.py']

source = [
    'bird', 'building', 'drink', 'fruit', 'mammal', 'musical instrument',
    'sky and weather', 'vegetable'
]
target = [
    'bug', 'clothing', 'flower', 'ground transport', 'marine animal',
    'prepared food', 'tool'
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
