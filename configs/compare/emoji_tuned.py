# Compares, on 436 emoji in one design, fifteen of Unicode's subgroups, and one
# or five of them a class, tuning all of a network with its head alone, from
# zero and from the class names, at 224 pixels.
# Needs: as frozen/emoji.py.
# Command: python tools/compare_methods.py configs/compare/emoji_tuned.py \
#   --tune 100 --shots 1,5 --jobs 2 --against \
#   linear_probe,fine_tuning,linear_probe_names
# Found: from names, fine-tuning gains 14.8 points [9.0, 20.6] on the head
# alone at one picture and 8.5 [5.1, 11.9] at five, LP-FT 11.5 [9.1, 14.0] and
# 5.3 [2.5, 8.1]; from zero neither gains. When it ran, linear_probe and
# fine_tuning_names had the rates from 0.001 to 0.03.
_base_ = ['../_base_/compare_tuned.py', '../_base_/datasets/emoji.py']

model = dict(head=dict(num_classes=15))
train_dataloader = dict(dataset=dict(target=dict(dataset=_base_.drawn)))
val_dataloader = dict(dataset=_base_.validated)
test_dataloader = dict(dataset=_base_.tested)
