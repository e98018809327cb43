# Trains as jtln_resnet50_folders.py, on pictures that annotation files name:
#     data/source/classes.txt          a class name a line, in label order
#     data/source/train.txt            lines such as `a/cat 1.jpg 3`
#     data/source/images/*
#     data/target/classes.txt, train.txt, val.txt, test.txt, images/*
# Command: SOURCE=data/source TARGET=data/target \
#     python tools/train.py configs/jtln_resnet50_annotations.py
# Expect no number here: it depends on your pictures.
_base_ = ['./jtln_resnet50_folders.py']

source_classes = '{{$SOURCE:data/source}}/classes.txt'
target_classes = '{{$TARGET:data/target}}/classes.txt'
train_dataloader = dict(
    dataset=dict(
        source=dict(
            classes=source_classes,
            ann_file='train.txt',
            data_prefix='images'),
        target=dict(
            classes=target_classes,
            ann_file='train.txt',
            data_prefix='images')))
val_dataloader = dict(
    dataset=dict(
        classes=target_classes, ann_file='val.txt', data_prefix='images'))
test_dataloader = dict(
    dataset=dict(
        classes=target_classes, ann_file='test.txt', data_prefix='images'))
