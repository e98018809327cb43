# Compares, on 436 emoji in one design, fifteen of Unicode's subgroups, and 1
# or 5 of them a class, the same methods as food_peers.py.
# Needs: as frozen/emoji.py, and the cost by names, once:
#   python tools/build_cost.py configs/compare/emoji_peers.py \
#     --method TextCost --cost-options "prompt={}" \
#     --out data/emoji_by_names.npz
# Command: python tools/compare_methods.py configs/compare/emoji_peers.py \
#   --seeds 0-9 --tune 100-101 --shots 1,5 --jobs 2 \
#   --against consecutive,linear_probe,linear_probe_transported
# And, when each had two rates (results/emoji_peers_lp_ft): the same with \
#   --shots 1,2,5 --against linear_probe,linear_probe_transported --methods \
#   linear_probe,lp_ft,linear_probe_transported,lp_ft_transported
# Found: fine-tuning from a head carried over gains 20.1 and 11.2 points on
# fine-tuning from zero, and 15.1 and 10.0 on that head alone; with exchanged
# classes or random costs it gains nothing. JTLN adds nothing to it, and from
# zero no method is ahead of fine-tuning beyond the interval.
_base_ = ['../_base_/compare_pictures.py', '../_base_/datasets/emoji.py']

model = dict(head=dict(num_classes=15), source_head=dict(num_classes=1000))
train_dataloader = dict(dataset=dict(target=dict(dataset=_base_.drawn)))
val_dataloader = dict(dataset=_base_.validated)
test_dataloader = dict(dataset=_base_.tested)

# Emoji are no photographs: see the prompt.
by_names = dict(type='mmjtln.FileCost', path='data/emoji_by_names.npz')
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    # Batch normalization by ImageNet's statistics.
    dict(type='mmjtln.NormEvalHook'),
    dict(type='mmjtln.CostMatrixHook', cost=by_names),
]
carried_over = dict(
    type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
    cost=by_names, l2_sp=0.02)
# What a head that begins anywhere but at zero would gain.
misnamed = dict(
    carried_over, cost=dict(type='mmjtln.ShuffledCost', cost=by_names))
comparison = dict(
    methods=dict(
        linear_probe_transported=dict(hooks=[carried_over, _base_.frozen]),
        lp_ft_transported=dict(
            hooks=[carried_over, dict(type='mmjtln.LPFTHook')]),
        consecutive_transported=dict(hooks=[carried_over]),
        consecutive_transported_shuffled=dict(hooks=[misnamed]),
        jtln_label_transported=dict(hooks=[carried_over])))
