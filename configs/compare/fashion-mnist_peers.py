# Compares: the same as fashion-mnist_resnet_peers.py, with LeNet-5; what has
# been run is heads carried over by the names, and JTLN with C from them.
# Needs: Fashion-MNIST, see fashion-mnist.py.
# Command: python tools/compare_methods.py \
#   configs/compare/fashion-mnist_peers.py \
#   --seeds 0-9 --tune 100-101 --shots 5 --jobs 2 \
#   --against consecutive,joint,jtln_label --methods consecutive,joint,\
#   jtln_label,jtln_label_text,jtln_label_random,consecutive_transported,\
#   consecutive_transported_shuffled,consecutive_transported_random,\
#   joint_transported,jtln_label_transported
# Found: nothing that ten seeds show. Joint training with the head carried over
# is 0.6 points ahead of consecutive fine-tuning, 63.9 %, and of itself
# without.
_base_ = ['./fashion-mnist.py', '../_base_/garment_peers.py']

comparison = dict(
    methods=dict(_delete_=True, **_base_.garment_methods))
