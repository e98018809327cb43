_base_ = ['./_base_/models/jtln_alexnet.py', './_base_/jtln_digits.py']
