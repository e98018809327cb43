# Compares, on 1,018 drawings of 24 subjects and one or five of them a class,
# tuning all of a network with its head alone, from zero and from the class
# names, at 224 pixels.
# Needs: as frozen/clipart.py.
# Command: python tools/compare_methods.py configs/compare/clipart_tuned.py \
#   --tune 100 --shots 1,5 --jobs 2 --against \
#   linear_probe,fine_tuning,linear_probe_names
# Found: LP-FT from names gains 3.3 points [2.2, 4.5] on the head alone at five
# pictures and -1.2 [-3.4, 1.1] at one; fine-tuning from names gains nothing at
# five and 3.0 [0.3, 5.8] at one.
_base_ = ['../_base_/compare_tuned.py', '../_base_/datasets/clipart.py']

model = dict(head=dict(num_classes=24))
train_dataloader = dict(dataset=dict(target=dict(dataset=_base_.drawn)))
val_dataloader = dict(dataset=_base_.validated)
test_dataloader = dict(dataset=_base_.tested)
