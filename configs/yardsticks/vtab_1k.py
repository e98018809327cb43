# Measures on those sets of VTAB-1k whose classes have names, from the list
# files in which the field exchanges them.
# Command: python tools/yardstick.py vtab_1k --data ROOT
# Needs: ROOT/<set>/{train800val200,test}.txt and the pictures they name; for
# caltech101, oxford_flowers102 and resisc45 also classes.txt, one name a line
# in the order of TensorFlow Datasets' labels.
_base_ = ['../_base_/yardstick.py']

# 1,600 steps on all thousand pictures; nothing is chosen.
optim_wrapper = dict(optimizer=dict(lr=0.01))
train_dataloader = dict(batch_size=64, batch_sampler=dict(epoch=160))
train_cfg = dict(max_epochs=10, val_interval=10)

where = ('github.com/ZhangYuanhan-AI/NOAH (pictures with lists), made from '
         'github.com/google-research/task_adaptation')
digits = [
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight',
    'nine'
]
land = [
    'annual crop', 'forest', 'herbaceous vegetation', 'highway',
    'industrial buildings', 'pasture', 'permanent crop',
    'residential buildings', 'river', 'sea or lake'
]
yardstick = dict(
    layout='lists',
    where=where,
    files=dict(
        train='train800val200.txt', val='test.txt', test='test.txt'),
    settings=[1000],
    seeds=[0, 1, 2],
    sets=dict(
        cifar=dict(
            classes='CIFAR100',
            counts=dict(classes=100, train=1000, test=10000)),
        caltech101=dict(
            classes='classes.txt',
            counts=dict(classes=102, train=1000, test=6084)),
        dtd=dict(
            classes='DTD',
            counts=dict(classes=47, train=1000, test=1880)),
        oxford_flowers102=dict(
            classes='classes.txt',
            counts=dict(classes=102, train=1000, test=6149)),
        oxford_iiit_pet=dict(
            classes='OxfordIIITPet',
            counts=dict(classes=37, train=1000, test=3669)),
        svhn=dict(
            classes=digits,
            counts=dict(classes=10, train=1000, test=26032)),
        sun397=dict(
            classes='SUN397',
            counts=dict(classes=397, train=1000, test=21750)),
        eurosat=dict(
            classes=land,
            counts=dict(classes=10, train=1000, test=5400)),
        resisc45=dict(
            classes='classes.txt',
            counts=dict(classes=45, train=1000, test=6300))),
    measured='top-1 accuracy, %, after the last step',
    source_of_rows='none yet: those of the VPT paper (arXiv:2203.12119) are '
    'of another network, and to be read there',
    columns=[
        f'{name}/1000' for name in (
            'cifar', 'caltech101', 'dtd', 'oxford_flowers102',
            'oxford_iiit_pet', 'svhn', 'sun397', 'eurosat', 'resisc45')
    ],
    published={})
