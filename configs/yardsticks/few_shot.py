# Measures on CLIP's few-shot sets with CoOp's splits, class names and
# prompts. ImageNet itself is left out: it is the source here.
# Command: python tools/yardstick.py few_shot --data ROOT
# Needs: ROOT laid out as CoOp's DATASETS.md says. Where a set has
# split_fewshot/shot_N-seed_S.pkl, these are taken, else they are drawn.
_base_ = ['../_base_/yardstick.py']

# 500 steps, the last weights, as CoOp tests them.
optim_wrapper = dict(optimizer=dict(lr=0.003))
train_dataloader = dict(batch_size=32, batch_sampler=dict(epoch=50))
train_cfg = dict(max_epochs=10, val_interval=10)

where = 'the links in DATASETS.md of github.com/KaiyangZhou/CoOp'
a_photo = 'a photo of a {}.'
yardstick = dict(
    layout='coop',
    where=where,
    settings=[1, 2, 4, 8, 16],
    seeds=[1, 2, 3],
    sets={
        'caltech-101': dict(
            split='split_zhou_Caltech101.json', images='101_ObjectCategories',
            prompt=a_photo,
            counts=dict(classes=100, train=4128, val=1649, test=2465)),
        'oxford_pets': dict(
            split='split_zhou_OxfordPets.json', images='images',
            prompt='a photo of a {}, a type of pet.',
            counts=dict(classes=37, train=2944, val=736, test=3669)),
        'stanford_cars': dict(
            split='split_zhou_StanfordCars.json', images='', prompt=a_photo,
            counts=dict(classes=196, train=6509, val=1635, test=8041)),
        'oxford_flowers': dict(
            split='split_zhou_OxfordFlowers.json', images='jpg',
            prompt='a photo of a {}, a type of flower.',
            counts=dict(classes=102, train=4093, val=1633, test=2463)),
        'food-101': dict(
            split='split_zhou_Food101.json', images='images',
            prompt='a photo of {}, a type of food.',
            counts=dict(classes=101, train=50500, val=20200, test=30300)),
        # No JSON: the publisher's own lists.
        'fgvc_aircraft': dict(
            split='images_variant_{}.txt', images='images',
            prompt='a photo of a {}, a type of aircraft.',
            counts=dict(classes=100, train=3334, val=3333, test=3333)),
        'sun397': dict(
            split='split_zhou_SUN397.json', images='SUN397', prompt=a_photo,
            counts=dict(classes=397, train=15880, val=3970, test=19850)),
        'dtd': dict(
            split='split_zhou_DescribableTextures.json', images='images',
            prompt='{} texture.',
            counts=dict(classes=47, train=2820, val=1128, test=1692)),
        'eurosat': dict(
            split='split_zhou_EuroSAT.json', images='2750',
            prompt='a centered satellite photo of {}.',
            counts=dict(classes=10, train=13500, val=5400, test=8100)),
        'ucf101': dict(
            split='split_zhou_UCF101.json', images='UCF-101-midframes',
            prompt='a photo of a person doing {}.',
            counts=dict(classes=101, train=7639, val=1898, test=3783)),
    },
    measured='top-1 accuracy, %, after the last step',
    source_of_rows="CLIP's ResNet-50, means of eleven sets, ImageNet "
    'among them, as the Tip-Adapter paper has them (arXiv:2207.09519); '
    'our mean is of ten',
    columns=['mean/1', 'mean/2', 'mean/4', 'mean/8', 'mean/16'],
    published={
        'zero-shot CLIP (needs CLIP; second hand)': [58.9] * 5,
        'Tip-Adapter-F (needs CLIP; second hand)':
        [64.6, 66.7, 69.7, 72.4, 75.8],
    })
