# Measures classifiers of classes without an image, by the protocol of ICIS:
# features of a ResNet-101, a linear classifier of the seen classes, and the
# unseen ones carried over from it by their names.
# Command: python tools/yardstick.py image_free --data ROOT
# Needs: ROOT/{CUB,AWA2,SUN}/{res101_finetuned,att_splits}.mat
yardstick = dict(
    layout='features',
    where='the README of github.com/ExplainableML/ImageFreeZSL',
    features='res101_finetuned.mat',
    # Classes, seen and unseen ones; pictures to train, to test seen and to
    # test unseen ones: as others tell who use these splits.
    sets=dict(
        CUB=[200, 150, 50, 7057, 1764, 2967],
        AWA2=[50, 40, 10, 23527, 5882, 7913],
        SUN=[717, 645, 72, 10320, 2580, 1440]),
    prompts=dict(CUB='a photo of a {}, a bird'),
    carriers=['regression', 'plan'], penalty=1e-4,
    settings=['unseen', 'harmonic'],
    measured='mean accuracy of the classes, %: of unseen ones among '
    'themselves, and the harmonic mean of seen and unseen among all',
    source_of_rows='arXiv:2308.10599; it goes by attributes, not by names',
    columns=['CUB/unseen', 'AWA2/unseen', 'SUN/unseen'],
    published={'ICIS (second hand)': '60.6 64.6 51.8'})
