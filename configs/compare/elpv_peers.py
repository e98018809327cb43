# Compares, on the solar cells of elpv.py, target heads that begin at the
# source head, carried over by what the levels of defect mean, and JTLN with
# the cost by those words, beside the methods known from there. Names such as
# "probability 1/3" say nothing: a sentence encoder (extra `text`) reads what
# the labels mean.
# Needs: as elpv.py.
# Command: python tools/compare_methods.py configs/compare/elpv_peers.py \
#   --seeds 0-9 --tune 100-101 --jobs 2 \
#   --against target_only,consecutive,joint
# Found (accuracy, %): target only 75.5, joint 74.9, consecutive 72.4, JTLN
# with the label 73.3 by hand and 74.5 by words. A head carried over loses 3.5
# of consecutive and 3.6 of joint training. Untrained, it is no better than
# always saying "functional".
_base_ = ['./elpv.py', '../_base_/peers.py']

by_words = dict(
    type='mmjtln.TextCost',
    prompt='{}',
    descriptions={
        'probability 0': 'a functional solar cell',
        'probability 1/3': 'a solar cell that is probably functional',
        'probability 2/3': 'a solar cell that is probably defective',
        'probability 1': 'a defective solar cell',
        'functional': 'a functional solar cell',
        'defective': 'a defective solar cell'
    })
at_random = dict(type='mmjtln.RandomCost')
rated = dict(grid=_base_.rates)
two_heads = dict(
    **_base_.source_free, options={'model.ot_loss': None}, **rated)
with_label = _base_.with_label
carried_over = dict(
    type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
    cost=by_words)
comparison = dict(
    methods=dict(
        _delete_=True,
        target_only=dict(kind='target', **rated),
        consecutive=dict(kind='consecutive', **rated),
        joint=dict(kind='joint', start='source', **rated),
        jtln_label=with_label,
        jtln_label_text=dict(**with_label, cost=by_words),
        jtln_label_random=dict(**with_label, cost=at_random),
        consecutive_transported=dict(**two_heads, hooks=[carried_over]),
        consecutive_transported_random=dict(
            **two_heads,
            hooks=[dict(
                type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
                cost=at_random)]),
        joint_transported=dict(
            kind='joint', start='source', hooks=[carried_over], **rated),
        jtln_label_transported=dict(**with_label, hooks=[carried_over])))
