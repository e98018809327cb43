# peers.py for the garments, with the control of their names: each target class
# is told as another.
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
