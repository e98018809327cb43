# Measures on task adaptation as thuml's Transfer-Learning-Library has it.
# Command: python tools/yardstick.py task_adaptation --data ROOT
# Needs: ROOT/{cub200,stanford_cars,aircraft}, each with train/, test/ and
# image_list/, and for rows with source images ROOT/imagenet/train.
_base_ = ['../_base_/yardstick.py']

# Its schedule: 20 epochs of 500 steps, a tenth of the rate from epoch 12 on.
optim_wrapper = dict(
    optimizer=dict(lr=0.01, weight_decay=5e-4, nesterov=True), clip_grad=None)
param_scheduler = dict(
    _delete_=True, type='MultiStepLR', milestones=[12], gamma=0.1)
train_dataloader = dict(batch_sampler=dict(epoch=500))
train_cfg = dict(max_epochs=20)

# Class names; classes, pictures to train and to test: as the library's and
# MMPretrain's data sets give them, whose classes have one order.
sets = dict(
    cub200=['CUB', 200, 5994, 5794],
    stanford_cars=['StanfordCars', 196, 8144, 8041],
    aircraft=['FGVCAircraft', 100, 6667, 3333])
published = {
    'ERM': '51.2 64.6 74.6 81.8 41.1 65.9 78.4 87.8 41.6 57.8 68.7 80.2',
    'LWF': '56.7 66.8 73.4 81.5 44.9 67.0 77.6 87.5 44.1 60.6 68.7 82.4',
    'BSS': '53.4 66.7 76.0 82.0 43.3 67.6 79.6 88.0 43.6 59.5 69.6 81.2',
    'DELTA': '54.8 67.3 76.3 82.3 45.0 68.4 79.6 88.4 44.4 61.9 71.4 82.7',
    'StochNorm': '54.8 66.8 75.8 82.2 44.4 68.1 79.3 87.9 44.3 60.6 70.1 81.5',
    'Co-Tuning': '57.6 70.1 77.3 82.5 49.0 70.6 81.9 89.1 45.9 61.2 71.3 82.2',
    'Bi-Tuning': '55.8 69.3 77.2 83.1 48.3 72.8 83.3 90.2 47.2 64.3 73.7 84.3'
}
yardstick = dict(
    layout='lists', share=True, sets=sets,
    where='github.com/thuml/Transfer-Learning-Library, by its data sets',
    files=dict(train='image_list/train_{}.txt', test='image_list/test.txt'),
    settings=[15, 30, 50, 100], seeds=[0, 1, 2],
    # For rows that train on the source's images, too.
    with_source={
        'model.lambda_s': 1., 'train_dataloader.batch_size': 96,
        'train_dataloader.dataset.source': dict(
            type='ImageNet', data_root='imagenet', split='train',
            pipeline=_base_.train_pipeline),
        'comparison.methods': dict(
            joint=dict(kind='joint'), jtln_label=dict(kind='jtln'),
            joint_transported=dict(kind='joint', **_base_.begun))
    },
    measured='top-1 accuracy, %, of the epoch best on the test set, as there',
    source_of_rows='examples/task_adaptation/image_classification/README.md, '
    'ResNet-50, supervised',
    columns=[f'{name}/{n}' for name in sets for n in (15, 30, 50, 100)],
    published=published)
