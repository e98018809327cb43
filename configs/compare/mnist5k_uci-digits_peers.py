# Compares: peers of JTLN and transported heads on the data of
# mnist5k_uci-digits.py, each with two points to choose from. The heads are
# carried over by the digits' names (extra `text`).
# Command: python tools/compare_methods.py \
#   configs/compare/mnist5k_uci-digits_peers.py \
#   --seeds 0-9 --tune 100-101 --shots 2,5 --jobs 2 \
#   --against consecutive,joint,jtln_label
# Found: a head carried over by the digits' names, joint training with it, is
# 8.3 and 2.9 points ahead of consecutive fine-tuning at two and five shots;
# no peer gains more than 1.5; the OT term adds nothing to such a head,
# see mnist5k_uci-digits_ot.py.
_base_ = ['./mnist5k_uci-digits.py', '../_base_/peers.py']

# The control: what is right for another class.
names = [
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight',
    'nine'
]
shuffled = dict(
    **_base_.by_text,
    descriptions=dict(zip(names, names[3:] + names[:3], strict=True)))
comparison = dict(
    methods=dict(
        _delete_=True,
        **_base_.peer_methods,
        consecutive_transported_shuffled=dict(
            **_base_.source_free,
            hooks=[
                dict(
                    type='mmjtln.HeadInitHook', carrier='plan',
                    weigh=False, cost=shuffled)
            ],
            options={'model.ot_loss': None},
            grid=_base_.peer_rates)))
