"""Each yardstick runs end to end on a small copy of its layout."""
import json
import pickle
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.io
import torch
from mmengine.config import Config

from mmjtln.comparison import methods_of
from mmjtln.datasets.build import build_dataset
from mmjtln.registry import MODELS
from tests.load_tool import load_tool, run_tool
from tests.pictures import draw

tool, data = load_tool('yardstick'), load_tool('yardstick_data')
NAMES = ['banana', 'tabby cat', 'airliner']
SOURCE = ['banana', 'tiger cat', 'warplane', 'beacon']
#: A small network and the counts of a fake.
FAKE = '''
_base_ = [{base!r}]
load_from = {weights!r}
model = dict(
    backbone=dict(depth=18, stem_channels=8, base_channels=8),
    head=dict(in_channels=64), source_head=dict(num_classes=4))
train_dataloader = dict(
    batch_size=4, num_workers=0, batch_sampler=dict(epoch=1),
    dataset=dict(source=dict(classes={source!r})))
val_dataloader = test_dataloader = dict(num_workers=0)
train_cfg = dict(max_epochs=1, val_interval=1)
comparison = dict(methods=dict(_delete_=True, {methods}))
yardstick = dict({plan})
'''
CONSECUTIVE = "consecutive=dict(kind='consecutive')"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return what writes the config of a fake, and its checkpoint."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, plan: str, methods: str = CONSECUTIVE) -> Path:
        weights = tmp_path / 'stock.pth'
        path = tmp_path / f'{name}.py'
        path.write_text(FAKE.format(
            base=str(tool.CONFIGS / f'{name}.py'), weights=str(weights),
            source=SOURCE, methods=methods, plan=plan))
        model = MODELS.build(dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(
                type='mmpretrain.ResNet', depth=18, stem_channels=8,
                base_channels=8),
            neck=dict(type='mmpretrain.GlobalAveragePooling'),
            head=dict(type='mmpretrain.LinearClsHead', num_classes=4,
                      in_channels=64)))
        torch.save(dict(state_dict=model.state_dict()), weights)
        return path

    return write


def pictures(folder: Path, split: str, each: int) -> list[str]:
    """Draw pictures of all classes; return the lines of a list."""
    lines = []
    for label in range(3):
        for number in range(each):
            path = f'{split}/{label}_{number}.png'
            draw(folder / path, label, 10 * label + number)
            lines.append(f'{path} {label}')
    return lines


def image_lists(folder: Path, name: str = 'image_list/train_100.txt',
                test: str = 'image_list/test.txt') -> None:
    for file, split, each in ((name, 'train', 4), (test, 'test', 2)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text('\n'.join(pictures(folder, split, each)))


ADAPTATION = ('settings=[100], seeds=[0], sets=dict(_delete_=True, '
              f'cub200=[{NAMES}, 3, 12, 6])')


def test_task_adaptation(fake, tmp_path, capsys):
    """It runs, with and without source images, is not run twice, and shows
    the published rows beside ours.
    """
    image_lists(tmp_path / 'root/cub200')
    for name in SOURCE:
        draw(tmp_path / f'root/imagenet/train/{name}/1.png', 0, 0)
    config = fake('task_adaptation', ADAPTATION + (
        ', with_source={"train_dataloader.batch_size": 8, '
        '"train_dataloader.dataset.source": dict(_delete_=True, '
        "type='CustomDataset', data_root='imagenet', data_prefix='train', "
        'pipeline=_base_.train_pipeline), "comparison.methods": dict('
        "_delete_=True, joint=dict(kind='joint'))}"))
    command = (config, '--data', tmp_path / 'root')
    run_tool('yardstick', *command, '--dry-run')
    said = capsys.readouterr().out
    assert re.search(r'2 runs, \d+\.\d hours .* GiB', said), said
    run_tool('yardstick', *command)
    out = tmp_path / 'work_dirs/yardstick/task_adaptation'
    shown = (out / 'table.md').read_text()
    assert '| Co-Tuning | 57.6 | 70.1 |' in shown and 'commit' in shown
    assert '| ours: consecutive | ' in shown
    assert '| ours: joint, source images | ' in shown
    here = out / 'cub200/100/seed0'
    run = json.loads((here / 'results.json').read_text())
    assert run['methods']['consecutive']['runs'][0]['steps'] == 1
    capsys.readouterr()
    run_tool('yardstick', *command)
    assert 'ETA' not in capsys.readouterr().out
    assert (out / 'table.md').read_text() == shown


@pytest.mark.parametrize('change, message', [
    (lambda root: (root / 'image_list/test.txt').unlink(),
     r'image_list/test\.txt.*Transfer-Learning-Library'),
    (lambda root: (root / 'train/2_1.png').unlink(), r'train/2_1\.png'),
    (lambda root: _keep(root, lambda line: line[-1] != '1'),
     r"class without a picture .* \['tabby cat'\]"),
    (lambda root: _keep(root, lambda line: '1_3' not in line),
     r'must be the 12 .* are 11: a list of another version'),
    (lambda root: (root / 'image_list/test.txt').write_text('a.png'),
     r"line 1 of .*test\.txt is 'a\.png'"),
])
def test_wrong_data_is_refused_by_name(fake, tmp_path, change, message,
                                       capsys):
    image_lists(tmp_path / 'root/cub200')
    config = fake('task_adaptation', ADAPTATION)
    change(tmp_path / 'root/cub200')
    with pytest.raises(SystemExit):
        run_tool('yardstick', config, '--data', tmp_path / 'root')
    assert re.search(message, ' '.join(capsys.readouterr().err.split()))
    assert not list(tmp_path.glob('work_dirs/**/runs'))


def _keep(root: Path, good) -> None:
    file = root / 'image_list/train_100.txt'
    file.write_text('\n'.join(filter(good, file.read_text().splitlines())))


def test_few_shot(fake, tmp_path):
    """Drawn shots of one seed, fixed ones of another, CoOp's own prompt."""
    root = tmp_path / 'root/dtd'
    split = {part: [
        [path, int(label), NAMES[int(label)]] for path, label in (
            line.split() for line in pictures(root / 'images', part, each))]
        for part, each in (('train', 3), ('val', 1), ('test', 2))}
    (root / 'split_zhou_DescribableTextures.json').write_text(
        json.dumps(split))
    fixed = split['train'][1::3]
    (root / 'split_fewshot').mkdir()
    dump_indices(root / 'split_fewshot/shot_1-seed_2.pkl', fixed)
    config = fake('few_shot', (
        'settings=[1], seeds=[1, 2], sets=dict(_delete_=True, '
        "DescribableTextures=['dtd/images', 3, 9, 3, 6])"),
        CONSECUTIVE
        + ", begun=dict(**_base_.methods['consecutive_transported'])")
    run_tool('yardstick', config, '--data', tmp_path / 'root')
    out = tmp_path / 'work_dirs/yardstick/few_shot/DescribableTextures/1'
    run = json.loads(
        (out / 'seed2/runs/begun/seed2/config.json').read_text())
    target = run['train_dataloader']['dataset']['target']
    assert target['indices'] == [1, 4, 7]
    run = json.loads(
        (out / 'seed1/runs/begun/seed1/config.json').read_text())
    assert '{} texture.' in str(run['custom_hooks'])
    assert 'a photo of a {}' not in str(run['custom_hooks'])
    target = run['train_dataloader']['dataset']['target']
    assert target['shots'] == 1 and target['seed'] == 1
    shown = (out.parents[1] / 'table.md').read_text()
    assert 'needs CLIP; second hand) | 64.6 | 66.7 |' in shown
    assert re.search(r'ours: begun \| (\d+\.\d) \|.* \| \1 \|', shown)


def test_other_layouts_of_coop(tmp_path):
    """Aircraft as they are published; a file without splits is named."""
    plan = Config(dict(where='CoOp', sets=dict(
        FGVCAircraft=['fgvc_aircraft'], A=['a/images'])))
    lists = tmp_path / 'fgvc_aircraft/data'
    lists.mkdir(parents=True)
    (lists / 'images_variant_test.txt').write_text('0034309 F/A-18')
    aircraft = build_dataset(data.read_coop(
        tmp_path, plan, 'FGVCAircraft', tmp_path)['test'])
    info = aircraft.get_data_info(0)
    assert info['img_path'] == str(lists / 'images/0034309.jpg')
    assert aircraft.metainfo['classes'][info['gt_label']] == 'F/A-18'
    with pytest.raises(FileNotFoundError, match='split_zhou_A.*from CoOp'):
        data.read_coop(tmp_path, plan, 'A', tmp_path)
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/split_zhou_A.json').write_text('{"train": []}')
    with pytest.raises(ValueError, match="split_zhou_A.*'val'.*of CoOp"):
        data.read_coop(tmp_path, plan, 'A', tmp_path)


def dump_indices(file: Path, rows: list) -> None:
    """Write fixed shots as CoOp does, from elsewhere."""
    name = 'dassl.data.datasets.base_dataset'
    kind = type('Datum', (), dict(__module__=name))
    parts = name.split('.')
    modules = {inside: ModuleType(inside) for inside in (
        '.'.join(parts[:i + 1]) for i in range(len(parts)))}
    modules[name].Datum = kind
    drawn = []
    for path, label, _ in rows:
        datum = kind()
        datum._impath, datum._label = f'/far/dtd/images/{path}', label
        drawn.append(datum)
    sys.modules.update(modules)
    try:
        file.write_bytes(pickle.dumps(dict(train=drawn, val=[])))
    finally:
        for inside in modules:
            del sys.modules[inside]


def test_indices_run_nothing(tmp_path):
    file = tmp_path / 'a/split_fewshot/shot_1-seed_1.pkl'
    file.parent.mkdir(parents=True)
    image_lists(tmp_path, 'list.txt', 'test.txt')
    train = dict(type='CustomDataset', data_prefix=str(tmp_path),
                 ann_file=str(tmp_path / 'list.txt'))
    plan = Config(dict(sets=dict(A=['a/images'])))
    file.write_bytes(pickle.dumps(dict(train=[Path('a')])))
    with pytest.raises(ValueError, match='pathlib.*could run code'):
        data.few_shot(tmp_path, plan, 'A', train, 1, 1)
    dump_indices(file, [('train/9_9.png', 1, 'a')])
    with pytest.raises(ValueError, match=r'seed_1\.pkl .*9_9\.png'):
        data.few_shot(tmp_path, plan, 'A', train, 1, 1)


def test_vtab(fake, tmp_path):
    image_lists(tmp_path / 'root/cifar', 'train800val200.txt', 'test.txt')
    config = fake('vtab_1k', (
        'seeds=[0], '
        f'sets=dict(_delete_=True, cifar=[{NAMES}, 3, 12, 6])'))
    run_tool('yardstick', config, '--data', tmp_path / 'root')
    shown = (tmp_path / 'work_dirs/yardstick/vtab_1k/table.md').read_text()
    assert '| Sup-100% | 57.0 | 91.0 |' in shown
    assert '| ours: consecutive | ' in shown


@pytest.fixture
def zero_shot_files(tmp_path):
    """Return a root of five classes, two unseen: two features each."""
    folder = tmp_path / 'root/CUB'
    folder.mkdir(parents=True)
    names = ['001.tiger_cat', '002.airliner', '003.banana', '004.tabby_cat',
             '005.warplane']
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 8)
    # What names alike looks alike.
    means = np.eye(3)[[0, 1, 2, 0, 1]] * 5
    features = np.abs(means[labels] + rng.normal(size=(40, 3)))
    scipy.io.savemat(folder / 'res101_finetuned.mat', dict(
        features=features.T, labels=labels[:, None] + 1))
    seen, first = np.isin(labels, [0, 1, 2]), np.arange(40) % 8 < 6
    scipy.io.savemat(folder / 'att_splits.mat', dict(
        allclasses_names=np.array(names, object)[:, None], **{
            f'{name}_loc': np.flatnonzero(part)[:, None] + 1
            for name, part in dict(
                trainval=seen & first, test_seen=seen & ~first,
                test_unseen=~seen).items()}))
    return tmp_path / 'root'


PLAN = ("prompts=dict(CUB='{}'), "
        'sets=dict(_delete_=True, CUB=[5, 3, 2, 18, 6, 16])')


def test_image_free(zero_shot_files, tmp_path, monkeypatch, capsys):
    """Unseen classes are found by their names; class means, harmonic."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'image_free.py'
    base = str(tool.CONFIGS / 'image_free.py')
    config.write_text(f'_base_ = [{base!r}]\nyardstick = dict({PLAN})\n')
    run_tool('yardstick', config, '--data', zero_shot_files)
    shown = (tmp_path / 'work_dirs/yardstick/image_free/table.md').read_text()
    for carrier in ('regression', 'plan'):
        unseen, harmonic = map(float, re.search(
            rf'{carrier} \| ([\d.]+) \|  \|  \| ([\d.]+) \|', shown).groups())
        assert unseen > 80 and 0 <= harmonic <= 100
        found = json.loads((tmp_path / 'work_dirs/yardstick/image_free/CUB'
                            '/unseen/results.json').read_text())['methods']
        run, = found[f'head by names, {carrier}']['runs']
        assert round(run['test'], 1) == unseen
    assert '| ICIS (second hand) | 60.6 |' in shown
    run_tool('yardstick', config, '--data', zero_shot_files, '--dry-run')
    config.write_text(config.read_text().replace('18, 6', '18, 7'))
    with pytest.raises(SystemExit):
        run_tool('yardstick', config, '--data', zero_shot_files)
    assert 'here are [5, 3, 2, 18, 6, 16]' in ' '.join(
        capsys.readouterr().err.split())


def test_published_configs_read():
    """Each config's rows fill its columns, and its methods exist."""
    for path in sorted(tool.CONFIGS.glob('*.py')):
        cfg = tool.read_config(str(path))
        plan = cfg.yardstick
        assert all(len(row.split()) == len(plan.columns)
                   for row in plan.published.values())
        assert f'tools/yardstick.py {path.stem}' in path.read_text()
        if plan.layout != 'features':
            assert methods_of(cfg)
    assert len(list(tool.CONFIGS.glob('*.py'))) == 4
