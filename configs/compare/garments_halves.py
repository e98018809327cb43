# Compares what one would do with an ImageNet classifier and source images:
# pictures of five garments as source images, and five pictures of each of
# the five others.
# Needs: as frozen/garments.py.
# Command: python tools/compare_methods.py \
#   configs/compare/garments_halves.py --tune 100-102 --shots 5 --jobs 2 \
#   --against consecutive,joint_names,joint_shuffled
# Found: all but LP-FT from names are level with the recipe, joint_names.
_base_ = ['../_base_/compare_halves.py', '../_base_/datasets/garments.py']

source = ['T-shirt', 'bag', 'dress', 'sandal', 'sneaker']
target = ['ankle boot', 'coat', 'pullover', 'shirt', 'trouser']

model = dict(
    head=dict(num_classes=len(target)),
    source_head=dict(num_classes=len(source)))
train_dataloader = dict(
    dataset=dict(
        source=dict(classes=source, dataset=_base_.pictures),
        target=dict(dataset=dict(classes=target, dataset=_base_.drawn))))
val_dataloader = dict(dataset=dict(classes=target, dataset=_base_.validated))
test_dataloader = dict(dataset=dict(classes=target, dataset=_base_.tested))

# One rate more than elsewhere: the largest of those is the best of some.
comparison = dict(
    methods={
        name: dict(grid={
            'optim_wrapper.optimizer.lr': [0.001, 0.003, 0.01, 0.03, 0.1]
        })
        for name in _base_.comparison.methods
    })
