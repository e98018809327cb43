# Compares, on the digits and with the heads carried over of
# mnist5k_uci-digits_peers.py: does the OT term add anything to such a head?
# Between predictions, or from the label; balanced, or with the source side
# relaxed; three weights to choose from. All at the learning rate that
# validation data chose there for joint training with this head.
# Command: python tools/compare_methods.py \
#   configs/compare/mnist5k_uci-digits_ot.py \
#   --seeds 0-9 --tune 100-101 --shots 2,5 --jobs 2 \
#   --against joint_transported
# Found: no. It is within 0.4 points of joint training with that head.
_base_ = ['./mnist5k_uci-digits.py', '../_base_/peers.py']

carried_over = dict(
    kind='jtln', start='source', hooks=_base_.transported,
    grid={'model.lambda_ot': [0.1, 1., 5.]})
rate = {'optim_wrapper.optimizer.lr': 0.02}
relaxed = {'model.ot_loss': dict(relax=dict(source=0.1))}
comparison = dict(
    methods=dict(
        _delete_=True,
        joint_transported=_base_.peer_methods.joint_transported,
        ot_prediction=dict(**carried_over, options=rate),
        ot_prediction_relaxed=dict(
            **carried_over, options={**rate, **relaxed}),
        ot_label=dict(
            **carried_over, options={**rate, **_base_.by_label}),
        ot_label_relaxed=dict(
            **carried_over, options={**rate, **_base_.by_label, **relaxed})))
