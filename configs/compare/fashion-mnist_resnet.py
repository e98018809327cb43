# Compares: the same as fashion-mnist.py, with a ResNet-18 for 32 x 32 images,
# a quarter as wide. It is trained on the source for 2,400 steps; 500 of the
# target's training images are for validation alone.
# Command: python tools/compare_methods.py \
#   configs/compare/fashion-mnist_resnet.py \
#   --seeds 0-9 --tune 100-101 --shots 5,10 --jobs 2 \
#   --against consecutive,joint,jtln_label_random --methods target_only,\
#   consecutive,joint,jtln,jtln_label,jtln_label_random
# Found: JTLN with the label beats consecutive fine-tuning by 2.4 points at
# five shots, and at ten by nothing that ten seeds show; see results.
_base_ = ['./fashion-mnist.py', '../_base_/models/jtln_resnet18_gray.py']

model = dict(_delete_=True, **_base_.resnet)
train_dataloader = dict(
    dataset=dict(target=dict(dataset=dict(num_splits=20))))
val_dataloader = dict(dataset=dict(num_splits=20))
lambdas = {'model.lambda_ot': [1., 5., 10.]}
comparison = dict(
    source={'train_cfg.max_epochs': 60},
    methods=dict(
        jtln_label=dict(grid=lambdas),
        jtln_label_mkmmd=dict(grid=lambdas),
        jtln_label_random=dict(grid=lambdas)))
