# Compares: target only, consecutive, joint and JTLN, LeNet-5, five classes of
# Fashion-MNIST (10,000 images) to five others (5 a class). The cost matrix is
# written by hand from the class names, before any run was made with it.
# Needs: Fashion-MNIST's four files in data/fashion-mnist, decompressed;
# MMPretrain downloads them where it can. Debian's dataset-fashion-mnist has
# them: for f in /usr/share/datasets/fashion-mnist/*.gz; do
#   zcat $f > data/fashion-mnist/$(basename $f .gz); done
# Command: python tools/compare_methods.py \
#   configs/compare/fashion-mnist.py \
#   --seeds 0-9 --tune 100-101 --shots 5,10 --jobs 2 \
#   --against consecutive,joint,jtln_label_random --methods target_only,\
#   consecutive,joint,jtln,jtln_label,jtln_label_random
# (of points that were level on validation data the first was taken)
_base_ = [
    '../_base_/compare_lenet5.py', '../_base_/image_pair.py',
    '../_base_/schedule.py', '../_base_/runtime.py'
]

# 400 steps of 32 target images.
optim_wrapper = dict(optimizer=dict(lr=0.05))
default_hooks = dict(logger=dict(interval=40))

data_root = 'data/fashion-mnist'
# The first of each 60,000: loading all takes longer than a run.
num_images = 20000
source_classes = ['T-shirt/top', 'Trouser', 'Dress', 'Sandal', 'Sneaker']
target_classes = ['Pullover', 'Coat', 'Shirt', 'Bag', 'Ankle boot']

model = dict(head=dict(num_classes=5), source_head=dict(num_classes=5))

garments = dict(
    type='FashionMNIST', data_root=data_root, indices=num_images)
source = dict(type='mmjtln.ClassSubset', classes=source_classes)
target = dict(type='mmjtln.ClassSubset', classes=target_classes)
# 200 of the target's 10,000 training images are for validation alone.
target_fold = dict(type='KFoldDataset', num_splits=50, fold=0)
for_training = dict(**garments, pipeline=_base_.train_pipeline)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        source=dict(**source, dataset=for_training),
        target=dict(
            shots=5,
            dataset=dict(
                **target_fold, dataset=dict(**target, dataset=for_training)))),
    batch_sampler=dict(epoch=40))
val_dataloader = dict(
    batch_size=200,
    dataset=dict(
        **target_fold,
        test_mode=True,
        dataset=dict(
            **target,
            dataset=dict(**garments, pipeline=_base_.test_pipeline))))
test_dataloader = dict(
    batch_size=500,
    dataset=dict(
        **target,
        dataset=dict(
            type='FashionMNIST',
            data_root=data_root,
            split='test',
            test_mode=True,
            pipeline=_base_.test_pipeline)))

custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(
        type='mmjtln.CostMatrixHook',
        cost=dict(
            type='mmjtln.FileCost',
            path='{{ fileDirname }}/../_base_/costs/fashion-mnist.csv')),
]
