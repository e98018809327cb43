# Measures classifiers of classes without an image, by the protocol of ICIS:
# features of a ResNet-101, a linear classifier of the seen classes, and the
# unseen ones carried over from it by their names.
# Command: python tools/yardstick.py image_free --data ROOT
# Needs: ROOT/{CUB,AWA2,SUN}/{res101.mat,att_splits.mat}, "Proposed Split
# Version 2.0". It takes minutes on a CPU.
where = ('xlsa17.zip of "Zero-Shot Learning - the Good, the Bad and the '
         'Ugly", Proposed Split 2.0, linked from '
         'github.com/ExplainableML/ImageFreeZSL')
yardstick = dict(
    layout='features',
    where=where,
    settings=['unseen', 'harmonic'],
    penalty=1e-4,
    sets=dict(
        CUB=dict(prompt='a photo of a {}, a bird', counts=dict(
            classes=200, unseen=50, trainval=7057, test_seen=1764,
            test_unseen=2967)),
        AWA2=dict(prompt='a photo of a {}', counts=dict(
            classes=50, unseen=10, trainval=23527, test_seen=5882,
            test_unseen=7913)),
        SUN=dict(prompt='a photo of a {}', counts=dict(
            classes=717, unseen=72, trainval=10320, test_seen=2580,
            test_unseen=1440))),
    measured='mean accuracy of the classes, %: of unseen ones among '
    'themselves, and the harmonic mean of seen and unseen among all',
    source_of_rows='ICIS (arXiv:2308.10599), second hand',
    columns=['CUB/unseen', 'AWA2/unseen', 'SUN/unseen'],
    published={'ICIS (second hand)': [60.6, 64.6, 51.8]})
