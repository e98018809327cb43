"""Two data sets as one, with each sample's domain."""
import cv2
import numpy as np
import pytest
from mmengine.dataset import BaseDataset as EngineDataset
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS as ENGINE_DATASETS
from mmpretrain.datasets import MultiLabelDataset
from mmpretrain.registry import DATASETS, TRANSFORMS

from mmjtln.datasets import JointDataset
from tests.test_datasets.conftest import Toy

TOY = dict(type='Toy', size=6)
WRAPPERS = dict(
    repeat=dict(type='RepeatDataset', times=2, dataset=TOY),
    balanced=dict(
        type='ClassBalancedDataset',
        oversample_thr=0.9,
        dataset=dict(type='Toy', size=6, labels=[0, 0, 0, 0, 0, 1])),
    fold=dict(type='KFoldDataset', fold=1, num_splits=3, dataset=TOY),
    concat=dict(type='ConcatDataset', datasets=[TOY, TOY]),
    nested=dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(type='ClassBalancedDataset', oversample_thr=0.9,
                     dataset=TOY)),
    few=dict(type='mmjtln.FewShotDataset', shots=2, dataset=TOY))


@DATASETS.register_module()
class ToyMultiLabel(MultiLabelDataset):
    """Images with two labels, but for the first."""

    def load_data_list(self):
        return [
            dict(img=np.zeros((2, 2, 3), np.uint8), gt_label=label)
            for label in ([0], [0, 1])
        ]


@TRANSFORMS.register_module()
class Untransformed:
    """A pipeline's end that packs nothing."""

    def __call__(self, results):
        return results


def value(data):
    return int(data['inputs'][0, 0, 0])


def test_indices_tags_and_labels():
    source = Toy(3, num_classes=3)
    target = Toy(4, first=3, metainfo=dict(classes=['a', 'b'], extra=1))
    joint = JointDataset(source, target)
    assert len(joint) == 7
    assert (joint.source_length, len(joint.target)) == (3, 4)
    assert joint.source is source and joint.target is target
    for i in range(7):
        domain = 'source' if i < 3 else 'target'
        data = joint[i]
        assert value(data) == i
        assert data['data_samples'].domain == domain
        assert 'domain' in data['data_samples'].metainfo_keys()
        label = i if i < 3 else (i - 3) % 2
        assert data['data_samples'].gt_label.tolist() == [label]
        info = joint.get_data_info(i)
        assert info['domain'] == domain
        assert info['img_path'] == f'toy/{i}'
    assert joint[-1]['data_samples'].domain == 'target'
    assert joint[-7]['data_samples'].domain == 'source'
    for dataset in (joint, JointDataset(source, RepeatDataset(target, 1))):
        for idx in (7, -8):
            with pytest.raises(IndexError, match=r'in \[-7, 7\), but got'):
                dataset[idx]


def test_fold_gets_its_own_pipeline():
    """No fold is made of what an earlier one left at the same address."""
    for _ in range(100):
        joint = JointDataset(WRAPPERS['fold'], TOY)
        assert callable(joint.source.dataset.pipeline)


def test_class_lists_stay_apart():
    joint = JointDataset(
        Toy(3, num_classes=3),
        Toy(4, metainfo=dict(classes=['a', 'b'], extra=1)))
    names = ['class 0', 'class 1', 'class 2']
    assert joint.metainfo == dict(
        classes=['a', 'b'], extra=1, source_classes=names)
    assert joint.metainfo['classes'] == ['a', 'b']
    assert joint.source_classes == names


@pytest.mark.parametrize('instance', [False, True])
@pytest.mark.parametrize('name', WRAPPERS)
def test_wrappers_in_either_domain(default_scope, name, instance):
    wrapped = WRAPPERS[name]
    if instance:
        wrapped = JointDataset(wrapped, TOY).source
    plain = Toy(3, first=100)
    for joint in (JointDataset(wrapped, plain), JointDataset(plain, wrapped)):
        domain = 'source' if joint.target is plain else 'target'
        assert len(joint) == joint.source_length + len(joint.target)
        assert len(set(joint.source_classes)) == 2
        inside = joint.source if domain == 'source' else joint.target
        start = 0 if domain == 'source' else 3
        for i in range(len(inside)):
            data = joint[start + i]
            assert value(data) == value(inside[i]) < 100
            assert data['data_samples'].domain == domain
            assert joint.get_data_info(start + i)['domain'] == domain
        labels = [
            int(inside[i]['data_samples'].gt_label)
            for i in range(len(inside))
        ]
        assert joint.gt_labels(domain).tolist() == labels


def test_a_wrapped_image_is_read_once_for_its_label():
    toy = Toy(4)
    read = []
    toy.get_data_info = lambda i, get=toy.get_data_info: (
        read.append(i), get(i))[1]
    joint = JointDataset(Toy(2), RepeatDataset(toy, times=1000))
    read.clear()
    assert len(joint.gt_labels('target')) == 4000
    assert read == [0, 1, 2, 3]


def test_unknown_domain():
    with pytest.raises(ValueError, match="one of .* got 'both'"):
        JointDataset(Toy(2), Toy(2)).gt_labels('both')


def test_keys_left_by_a_base_config():
    """The way out of an inherited data set's keys is named."""
    with pytest.raises(TypeError, match="'data_root'.*_delete_=True"):
        JointDataset(Toy(2), Toy(2), data_root='x', split='train')


def test_parts_of_other_classes():
    """One label would mean two classes; the domain and the names are said."""
    other = Toy(2, metainfo=dict(classes=['class 1', 'class 0']))
    mixed = ConcatDataset([Toy(2), other], ignore_keys=['classes'])
    inside = dict(
        type='RepeatDataset', times=2, dataset=dict(
            type='ConcatDataset', ignore_keys=['classes'], datasets=[
                TOY, dict(TOY, metainfo=dict(classes=['class 1', 'class 0']))
            ]))
    for wrapped in (mixed, inside):
        with pytest.raises(ValueError, match='In the target data.*same classes'
                           ".*order differs.*'class 1' instead of 'class 0'.*"
                           'mmjtln.UnionDataset'):
            JointDataset(Toy(2), wrapped)
    parts = [dict(type='Toy', size=2), dict(
        type='Toy', size=2, metainfo=dict(classes=['class 0', 'lynx'])), dict(
        type='Toy', size=2, metainfo=dict(classes=('class 0', 'class 1')))]
    for used in (parts[:2], parts):
        concat = dict(type='ConcatDataset', datasets=used)
        with pytest.raises(ValueError, match='In the source data.*part 1: it '
                           r"lacks \['class 1'\] and adds \['lynx'\]"):
            JointDataset(dict(type='RepeatDataset', times=2, dataset=concat),
                         Toy(2))
    # One list with other brackets is one list; MMEngine's error stays.
    with pytest.raises(TypeError, match='same with the first dataset'):
        JointDataset(dict(type='ConcatDataset', datasets=parts[::2]), Toy(2))


def test_union_in_the_place_of_a_concatenation():
    """What the error says: labels are places in the union of the classes."""
    parts = [dict(type='Toy', size=2), dict(
        type='Toy', size=2, metainfo=dict(classes=['class 0', 'lynx']))]
    joint = JointDataset(
        Toy(2), dict(type='mmjtln.UnionDataset', datasets=parts))
    assert joint.metainfo['classes'] == ('class 0', 'class 1', 'lynx')
    assert joint.gt_labels('target').tolist() == [0, 1, 0, 2]
    assert [int(joint[i]['data_samples'].gt_label) for i in range(2, 6)] == [
        0, 1, 0, 2]


def test_folders_of_images(tmp_path):
    for name, color in (('cat', 10), ('dog', 200)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / 'a.png'),
                    np.full((4, 4, 3), color, np.uint8))
    joint = JointDataset(
        Toy(2),
        dict(
            type='CustomDataset',
            data_root=str(tmp_path),
            pipeline=[dict(type='LoadImageFromFile'),
                      dict(type='PackInputs')]))
    assert joint.metainfo['classes'] == ('cat', 'dog')
    assert [value(joint[i]) for i in (2, 3)] == [10, 200]
    assert joint[3]['data_samples'].img_path.endswith('dog/a.png')


def test_built_by_name():
    joint = ENGINE_DATASETS.build(
        dict(
            type='mmjtln.JointDataset',
            source=dict(type='mmpretrain.Toy', size=2, lazy_init=True),
            target=dict(type='mmpretrain.Toy', size=2, lazy_init=True)))
    assert joint.source._fully_initialized and len(joint) == 4


@pytest.mark.parametrize('missing, other', [('source', 'target'),
                                            ('target', 'source')])
def test_refuses_a_missing_domain(missing, other):
    for kwargs in ({other: TOY}, {other: TOY, missing: None}):
        with pytest.raises(ValueError) as error:
            JointDataset(**kwargs)
        for word in (f'`{missing}` is missing', f'`{missing}=dict(',
                     'train_dataloader.dataset'):
            assert word in str(error.value)


def test_refuses_what_is_no_data_set():
    with pytest.raises(TypeError, match='`target` .* but got list'):
        JointDataset(TOY, [1, 2])


@pytest.mark.parametrize('serialize_data', [False, True])
@pytest.mark.parametrize('lazy_init', [False, True])
def test_refuses_an_empty_domain(serialize_data, lazy_init):
    empty = dict(type='Toy', size=0, serialize_data=serialize_data,
                 lazy_init=lazy_init)
    with pytest.raises(ValueError, match='In the target data set: '):
        JointDataset(TOY, empty)
    with pytest.raises(ValueError, match='In the source data set: '):
        JointDataset(empty, TOY)


def test_other_errors_of_a_domain_come_through():
    with pytest.raises(FileNotFoundError):
        JointDataset(TOY, dict(type='BaseDataset', ann_file='/nowhere.json'))


@pytest.mark.parametrize('metainfo', [{}, dict(classes=[])])
def test_refuses_a_domain_without_class_names(metainfo):
    with pytest.raises(ValueError, match='source data set.*(no class|empty)'):
        JointDataset(Toy(2, metainfo=metainfo), Toy(2))


def test_refuses_several_labels():
    classes = dict(metainfo=dict(classes=['a', 'b']))
    pipeline = [dict(type='PackInputs')]
    later = ToyMultiLabel('', pipeline=pipeline, **classes)
    first = Toy(2, labels=[[0, 1], [1]])
    with pytest.raises(ValueError, match='target data set: .*one label'):
        JointDataset(Toy(2), first)
    # One label in the first image, two in the second.
    for dataset in (later, Toy(2, labels=[0, [0, 1]])):
        joint = JointDataset(dataset, Toy(2))
        with pytest.raises(ValueError, match='In the source data set: .*one'):
            joint.gt_labels('source')


def test_refuses_an_image_without_a_label():

    class Unlabelled(EngineDataset):
        METAINFO = dict(classes=['a'])

        def load_data_list(self):
            return [dict(img_path='x.png')]

    with pytest.raises(ValueError, match='x.png has none'):
        JointDataset(Toy(2), Unlabelled())


@pytest.mark.parametrize('label', [-1, 2])
def test_refuses_labels_outside_the_classes(label):
    joint = JointDataset(Toy(2), Toy(3, labels=[0, label, 1]))
    with pytest.raises(ValueError, match=f'target .* image toy/1 has {label}'):
        joint.gt_labels('target')


def test_labels_numbered_from_one():
    joint = JointDataset(Toy(3, labels=[1, 2, 1]), Toy(3))
    with pytest.raises(ValueError, match='source .* numbered from 1'):
        joint.gt_labels('source')


@pytest.mark.parametrize('pipeline', [[], [dict(type='Untransformed')]])
def test_refuses_a_pipeline_that_packs_nothing(pipeline):
    joint = JointDataset(Toy(2), Toy(2, pipeline=pipeline))
    assert joint[0]['data_samples'].domain == 'source'
    with pytest.raises(ValueError, match='`target.pipeline` with .*PackInp'):
        joint[2]
