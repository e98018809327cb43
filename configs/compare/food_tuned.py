# Compares, on 373 photographs of foods in eight food groups and one or five of
# them a class, tuning all of a network with its head alone, from zero and from
# the class names, at 224 pixels.
# Needs: as frozen/food.py.
# Command: python tools/compare_methods.py configs/compare/food_tuned.py \
#   --tune 100 --shots 1,5 --jobs 2 --against \
#   linear_probe,fine_tuning,linear_probe_names
# Found: the head alone, from names, is best at five pictures: LP-FT from it
# costs 2.7 points [0.0, 5.3], and fine-tuning 6.5 [2.8, 10.3]; at one LP-FT
# is level and fine-tuning costs 3.0 [0.2, 5.8].
_base_ = ['../_base_/compare_tuned.py', '../_base_/datasets/food.py']

model = dict(head=dict(num_classes=8))
train_dataloader = dict(dataset=dict(target=dict(dataset=_base_.drawn)))
val_dataloader = dict(dataset=_base_.validated)
test_dataloader = dict(dataset=_base_.tested)
