# Compares, on 436 emoji in one design, fifteen of Unicode's subgroups, and
# five of them a class, tuning all of a network with its head alone, from zero
# and from the class names, at 224 pixels.
# Needs: as frozen/emoji.py.
# Command: python tools/compare_methods.py configs/compare/emoji_tuned.py \
#   --tune 100 --shots 5 --jobs 2 --against \
#   linear_probe,fine_tuning,linear_probe_names
# Found: from names, fine-tuning gains 8.5 points [5.1, 11.9] on the head alone
# and LP-FT 5.3 [2.5, 8.1]; from zero neither gains.
_base_ = ['../_base_/compare_tuned.py', '../_base_/datasets/emoji.py']

model = dict(head=dict(num_classes=15))
train_dataloader = dict(dataset=dict(target=dict(dataset=_base_.drawn)))
val_dataloader = dict(dataset=_base_.validated)
test_dataloader = dict(dataset=_base_.tested)
