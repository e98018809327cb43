"""What is wrong in an annotation file is named with its line."""
import pytest
from mmengine.config import Config

from mmjtln.datasets.build import build_dataset, check_parts_of
from tests.load_tool import load_tool
from tests.pictures import annotation_files


def annotated(root) -> dict:
    """Return the config of a few pictures with an annotation file."""
    annotation_files(root)
    return dict(
        type='CustomDataset', data_root=str(root / 'data/target'),
        data_prefix='images', ann_file='val.txt',
        classes=str(root / 'data/target/classes.txt'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])


@pytest.mark.parametrize('line, words', [
    ('', 'Leave empty lines out'), ('a/b.jpg\t1', 'like `folder'),
    ('a/b.jpg,1', 'like `folder'), ('a/b.jpg 0.0', 'like `folder'),
    ('a/b.jpg', 'like `folder'), ('1', 'like `folder')])
def test_lines(tmp_path, line, words):
    """Of a data set, of one in wrappers, and by tools/check_data.py."""
    dataset = annotated(tmp_path)
    file = tmp_path / 'data/target/val.txt'
    lines = file.read_text().splitlines()
    file.write_text('\n'.join([*lines[:2], line, *lines[2:]]))
    joint = dict(type='mmjtln.JointDataset', source=dataset, target=dict(
        type='mmjtln.FewShotDataset', shots=1, dataset=dataset))
    text = f'line 3 of .*val.txt is .*{words}'
    for cfg in (dataset, joint, dict(
            type='ConcatDataset', datasets=[dataset, dataset])):
        with pytest.raises(ValueError, match=text):
            build_dataset(cfg)
        with pytest.raises(ValueError, match=text):
            check_parts_of([dict(dataset=cfg)])
    check_data = load_tool('check_data').check_data
    report, = check_data(Config(dict(test_dataloader=dict(dataset=dataset))))
    assert 'line 3 of' in report.problems[0]


def test_right_lines(tmp_path):
    """Paths may have blanks; what names no labels is not looked at."""
    dataset = annotated(tmp_path)
    check_parts_of(dataset)
    assert len(build_dataset(dataset)) == 6
    (tmp_path / 'plain.txt').write_text('a.jpg\n')
    check_parts_of(dict(dataset, ann_file=str(tmp_path / 'plain.txt'),
                        with_label=False))
