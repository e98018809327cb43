# Measures on CLIP's few-shot sets with CoOp's splits, class names and
# prompts. ImageNet itself is left out: it is the source here.
# Command: python tools/yardstick.py few_shot --data ROOT
# Needs: ROOT as CoOp's DATASETS.md says, but fgvc_aircraft with its folder
# data/. Where split_fewshot/shot_N-seed_S.pkl are, these shots are taken.
_base_ = ['../_base_/yardstick.py']

# 500 steps, the last weights, as CoOp tests them.
optim_wrapper = dict(optimizer=dict(lr=0.003))
train_dataloader = dict(batch_size=32, batch_sampler=dict(epoch=50))
train_cfg = dict(max_epochs=10, val_interval=10)

yardstick = dict(
    layout='coop',
    where='the links in DATASETS.md of github.com/KaiyangZhou/CoOp',
    # Pictures; classes, and pictures to train, validate and test: counted in
    # splits/ of github.com/linzhiqiu/cross_modal_adaptation, but for Food101,
    # SUN397 and FGVCAircraft, which are as others who use them tell.
    sets=dict(
        Caltech101=['caltech-101/101_ObjectCategories', 100, 4128, 1649, 2465],
        OxfordPets=['oxford_pets/images', 37, 2944, 736, 3669],
        StanfordCars=['stanford_cars', 196, 6509, 1635, 8041],
        OxfordFlowers=['oxford_flowers/jpg', 102, 4093, 1633, 2463],
        Food101=['food-101/images', 101, 50500, 20200, 30300],
        FGVCAircraft=['fgvc_aircraft', 100, 3334, 3333, 3333],
        SUN397=['sun397/SUN397', 397, 15880, 3970, 19850],
        DescribableTextures=['dtd/images', 47, 2820, 1128, 1692],
        EuroSAT=['eurosat/2750', 10, 13500, 5400, 8100],
        UCF101=['ucf101/UCF-101-midframes', 101, 7639, 1898, 3783]),
    prompts=dict(
        OxfordPets='a photo of a {}, a type of pet.',
        OxfordFlowers='a photo of a {}, a type of flower.',
        Food101='a photo of {}, a type of food.',
        FGVCAircraft='a photo of a {}, a type of aircraft.',
        DescribableTextures='{} texture.',
        EuroSAT='a centered satellite photo of {}.',
        UCF101='a photo of a person doing {}.'),
    settings=[1, 2, 4, 8, 16],
    seeds=[1, 2, 3],
    measured='top-1 accuracy, %, after the last step',
    source_of_rows="arXiv:2207.09519, CLIP's ResNet-50, means of these and "
    'ImageNet',
    columns=['mean/1', 'mean/2', 'mean/4', 'mean/8', 'mean/16'],
    published={
        'zero-shot CLIP (needs CLIP; second hand)': '58.9 58.9 58.9 58.9 58.9',
        'Tip-Adapter-F (needs CLIP; second hand)': '64.6 66.7 69.7 72.4 75.8'
    })
