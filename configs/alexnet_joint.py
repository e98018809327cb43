_base_ = ['./jtln_alexnet.py']

model = dict(ot_loss=None)
custom_hooks = [dict(type='mmjtln.ClassCheckHook')]
