# The methods of peers.py for the garments, and the control of their names:
# each target class is told as another.
_base_ = ['./peers.py']

shuffled = dict(
    **_base_.by_text,
    descriptions={
        'Pullover': 'Bag',
        'Coat': 'Ankle boot',
        'Shirt': 'Pullover',
        'Bag': 'Coat',
        'Ankle boot': 'Shirt'
    })
garment_methods = dict(
    **_base_.peer_methods,
    consecutive_transported_shuffled=dict(
        **_base_.source_free,
        hooks=[dict(
            type='mmjtln.HeadInitHook', carrier='plan', weigh=False,
            cost=shuffled)],
        options={'model.ot_loss': None},
        grid=_base_.peer_rates))
