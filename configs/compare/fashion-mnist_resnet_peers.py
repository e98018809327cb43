# Compares: peers of JTLN and transported heads on the data and network of
# fashion-mnist_resnet.py, each with two points to choose from. Names are read
# by a sentence encoder (extra `text`).
# Needs: Fashion-MNIST, see fashion-mnist.py.
# Command: python tools/compare_methods.py \
#   configs/compare/fashion-mnist_resnet_peers.py \
#   --seeds 0-9 --tune 100-101 --shots 5 --jobs 2 \
#   --against consecutive,joint,jtln_label
# Found: JTLN with the label, C by hand and a head carried over is 3.2 points
# ahead of consecutive fine-tuning; the OT term adds 1.1 to joint training with
# that head. Co-Tuning gains 2.8 if given C by hand, source images drawn by
# predictions 1.4, other peers nothing.
_base_ = [
    './fashion-mnist.py', '../_base_/models/jtln_resnet18_gray.py',
    '../_base_/garment_peers.py'
]

# As there.
model = dict(_delete_=True, **_base_.resnet)
train_dataloader = dict(
    dataset=dict(target=dict(dataset=dict(num_splits=20))))
val_dataloader = dict(dataset=dict(num_splits=20))
comparison = dict(
    source={'train_cfg.max_epochs': 60},
    methods=dict(_delete_=True, **_base_.garment_methods))
