# Measures on those sets of VTAB-1k whose classes have names, from list files.
# Command: python tools/yardstick.py vtab_1k --data ROOT
# Needs: ROOT/<set>/{train800val200,test}.txt, the pictures they name and, for
# three sets, classes.txt: a name a line, ordered as in TensorFlow Datasets.
_base_ = ['../_base_/yardstick.py']

# 1,600 steps on all thousand pictures; nothing is chosen.
optim_wrapper = dict(optimizer=dict(lr=0.01))
train_dataloader = dict(batch_size=64, batch_sampler=dict(epoch=160))
train_cfg = dict(max_epochs=10, val_interval=10)

digits = 'zero one two three four five six seven eight nine'.split()
land = ('annual crop, forest, herbaceous vegetation, highway, industrial '
        'buildings, pasture, permanent crop, residential buildings, river, '
        'sea or lake').split(', ')
# Class names; classes, pictures to train and to test: as the tests in
# github.com/google-research/task_adaptation have them.
sets = dict(
    cifar=['CIFAR100', 100, 1000, 10000],
    caltech101=['classes.txt', 102, 1000, 6084],
    dtd=['DTD', 47, 1000, 1880],
    oxford_flowers102=['classes.txt', 102, 1000, 6149],
    oxford_iiit_pet=['OxfordIIITPet', 37, 1000, 3669],
    svhn=[digits, 10, 1000, 26032],
    sun397=['SUN397', 397, 1000, 21750],
    eurosat=[land, 10, 1000, 5400],
    resisc45=['classes.txt', 45, 1000, 6300])
yardstick = dict(
    layout='lists', where='github.com/ZhangYuanhan-AI/NOAH', sets=sets,
    files=dict(train='train800val200.txt', test='test.txt'),
    settings=[1000], seeds=[0, 1, 2],
    measured='top-1 accuracy, %, after the last step',
    source_of_rows='docs/data/results.csv of task_adaptation, ResNet-50',
    columns=[f'{name}/1000' for name in sets],
    published={
        'from scratch': '13.2 38.2 20.6 40.2 12.1 66.1 5.0 85.0 42.6',
        'Sup-100%': '57.0 91.0 66.0 88.6 89.9 87.3 34.4 95.3 80.8',
        'Sup-Rotation-100%': '53.7 91.7 69.5 90.8 88.1 88.5 32.8 96.0 82.0'
    })
