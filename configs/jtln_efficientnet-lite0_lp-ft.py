# Trains as jtln_efficientnet-lite0_few-shot.py, the head for half of the run
# and then all of the network (LP-FT), with a head that begins at ImageNet's by
# the class names. At five pictures a class of 224 pixels this is ahead of the
# head alone on emoji and drawings and behind it on photographs of food, at one
# on emoji alone, see compare/README.md: compare the two on your validation
# pictures.
# Needs: as jtln_efficientnet-lite0_few-shot.py.
# Command: TARGET=data/target \
#     python tools/train.py configs/jtln_efficientnet-lite0_lp-ft.py
# Expect no number here: it depends on your pictures.
_base_ = ['./jtln_efficientnet-lite0_few-shot.py']

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    _base_.begun,
    # Batch normalization by ImageNet's statistics.
    dict(type='mmjtln.NormEvalHook'),
    # Two thirds of the time on a CPU.
    dict(type='mmjtln.ChannelsLastHook'),
    dict(type='mmjtln.LPFTHook'),
]
# The rate that validation chose on all three sets; 40 steps, as there.
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=5e-4),
                     clip_grad=dict(max_norm=5.0))
train_dataloader = dict(batch_sampler=dict(epoch=10))
train_cfg = dict(max_epochs=4)
