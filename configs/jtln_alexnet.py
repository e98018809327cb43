# Trains: JTLN with AlexNet, from scratch, on MNIST (4,500 digits, the source)
# and UCI digits (two a class, the target), which come with the install.
# Command: python tools/train.py configs/jtln_alexnet.py
# Expect: target test accuracy 88.1 (3.9) % (mean and SD of seeds 0-2),
# in about two minutes on 2 CPU cores.
_base_ = ['./_base_/models/alexnet_two_heads.py', './_base_/jtln_digits.py']
