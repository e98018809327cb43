"""Measure on a published yardstick, and write its table with our rows.

    python tools/yardstick.py task_adaptation --data ROOT --dry-run
    python tools/yardstick.py task_adaptation --data ROOT

NAME is task_adaptation, few_shot, image_free or vtab_1k (configs/yardsticks
says what each needs), or a config of your own that inherits one. The data is
checked against the publisher's counts first; what is missing is named, and
where it is had. `--dry-run` times a few steps and says what all would take.
The same command again continues where it was stopped.

Results go to ``work_dirs/yardstick/<NAME>``: table.md, and the files of a
comparison for each set, setting and seed.
"""
import argparse
import json
import pickle
import resource
import shutil
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.io
import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device, get_max_cuda_memory
from mmengine.registry import init_default_scope

from mmjtln.apis import train
from mmjtln.comparison import Study, methods_of, report
from mmjtln.comparison.method_config import method_config
from mmjtln.comparison.methods import Method
from mmjtln.comparison.study import made_with
from mmjtln.costs import TextCost
from mmjtln.datasets import ClassList
from mmjtln.errors import interrupt_quietly, refusal, require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import reading
from mmjtln.heads import fit_linear, plan_weights
from mmjtln.run_config import read_config

CONFIGS = Path(__file__).parents[1] / 'configs' / 'yardsticks'
#: Steps that a dry run times, after as many to warm up.
TIMED = 4
Rows = list[tuple[str, int]]


class Pictures(NamedTuple):
    """A set: its class names, and path and label of each split's pictures."""

    classes: list[str]
    splits: dict[str, Rows]


class Cell(NamedTuple):
    """One comparison: a set, a setting, a seed, and its methods."""

    place: str
    seed: int
    cfg: Config
    methods: list[Method]
    folder: Path


def find(path: Path, name: str, spec: Mapping) -> Path:
    """Return a path of the data that is there.

    Raises:
        FileNotFoundError: Saying where it is had.
    """
    require(path.exists(), f'{name} needs {path}', 'but it is not there',
            f'It is had from {spec["where"]}', FileNotFoundError)
    return path


def check_count(found: int, expected: int, what: str, spec: Mapping,
                slack: int = 0) -> None:
    """Refuse another count than the publisher's: another version."""
    require(abs(found - expected) <= slack,
            f'{what} must be the {expected} of the publisher'
            + (f', give or take {slack}' if slack else ''),
            f'but there are {found}: a list of another version',
            f'Take that of {spec["where"]}')


def read_lines(path: Path, what: str) -> list[str]:
    """Return the lines of a text file that are not empty."""
    with reading(path, what, 'Take that of the publisher'):
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_list(path: Path) -> Rows:
    """Read ``path label`` a line."""
    rows = []
    for number, line in enumerate(read_lines(path, 'list of pictures'), 1):
        name, _, label = line.rpartition(' ')
        require(name and label.isdecimal(), 'A list of pictures has a path '
                'and a label a line', f'but line {number} of {path} is '
                f'{line!r}', 'Take the list of the publisher')
        rows.append((name, int(label)))
    return rows


def read_lists(folder: Path, name: str, spec: Mapping, setting: int
               ) -> Pictures:
    """Read a set that a list a split describes."""
    splits = {split: read_list(find(
        folder / file.format(setting=setting), name, spec))
        for split, file in spec['files'].items()}
    classes = spec['classes']
    if classes == 'classes.txt':
        classes = str(find(folder / classes, name, spec))
    return Pictures(list(ClassList(classes).metainfo['classes']), splits)


def read_coop(folder: Path, name: str, spec: Mapping, setting: int
              ) -> Pictures:
    """Read a set of CoOp's, whose lists hold path, label and class name."""
    if spec['split'].endswith('.txt'):
        classes = read_lines(find(folder / 'variants.txt', name, spec),
                             'list of classes')
        found = {split: [(f'{number}.jpg', classes.index(variant), variant)
                         for number, _, variant in (
                             line.partition(' ') for line in read_lines(
                                 find(folder / spec['split'].format(split),
                                      name, spec), 'list of pictures'))]
                 for split in ('train', 'val', 'test')}
    else:
        path = find(folder / spec['split'], name, spec)
        found = json.loads(path.read_text())
        good = isinstance(found, dict) and all(
            isinstance(found.get(split), list) and all(
                isinstance(row, list) and len(row) == 3
                for row in found[split]) for split in ('train', 'val', 'test'))
        require(good, 'A split holds `train`, `val` and `test`, lists of '
                '[path, label, class name]', f'but {path} does not',
                f'Take that of {spec["where"]}')
    names = {}
    for rows in found.values():
        for _, label, called in rows:
            require(names.setdefault(int(label), called) == called,
                    'A label has one class name', f'but {label} of '
                    f'{folder / spec["split"]} is {names[int(label)]!r} and '
                    f'{called!r}', f'Take the split of {spec["where"]}')
    return Pictures([names[label] for label in sorted(names)], {
        split: [(str(Path(spec['images'], path)), int(label))
                for path, label, _ in rows] for split, rows in found.items()})


class _Datum:
    """Stand in for what CoOp pickles: a path and a label."""


class _Indices(pickle.Unpickler):
    """A pickle that may name pictures alone, since a file runs nothing."""

    def find_class(self, module: str, name: str) -> type:
        if name == 'Datum' and module.startswith('dassl.'):
            return _Datum
        raise refusal('Few-shot indices hold pictures alone',
                      f'but the file asks for {module}.{name}',
                      'Have CoOp write it again', pickle.UnpicklingError)


def fixed_shots(file: Path, folder: Path, rows: Rows) -> Rows:
    """Take the pictures that CoOp drew, wherever its data lay."""
    with file.open('rb') as stream:
        drawn = [vars(datum) for datum in _Indices(stream).load()['train']]
    known = {path: (path, label) for path, label in rows}
    taken = []
    for datum in drawn:
        _, _, path = datum['_impath'].rpartition(f'/{folder.name}/')
        require(known.get(path, (path, None))[1] == datum['_label'],
                'Few-shot indices are of the training pictures of the split',
                f'but {file} has {datum["_impath"]}, {datum["_label"]}',
                'Have CoOp write it again, with this split')
        taken.append(known[path])
    return taken


def check_pictures(folder: Path, name: str, spec: Mapping, found: Pictures,
                   share: int = 100) -> None:
    """Hold a set to the publisher's counts; see that all pictures exist."""
    counts = spec['counts']
    check_count(len(found.classes), counts['classes'],
                f'The classes of {name}', spec)
    for split, rows in found.splits.items():
        labels = {label for _, label in rows}
        missing = sorted(set(range(counts['classes'])) - labels)
        require(not missing, f'Each class of {name} has a picture in {split}',
                f'but {[found.classes[i] for i in missing[:5]]} '
                f'({len(missing)} in all) have none',
                f'Take the list of {spec["where"]}')
        require(max(labels) < counts['classes'], f'Labels of {name} are below '
                f'{counts["classes"]}', f'but {split} has {max(labels)}: a '
                'list of another version', f'Take that of {spec["where"]}')
        if split in counts:
            part = share if split == 'train' else 100
            check_count(len(rows), round(counts[split] * part / 100),
                        f'The pictures in {split} of {name}', spec,
                        counts['classes'] * (part != 100))
        lost = [path for path, _ in rows if not (folder / path).is_file()]
        require(not lost, f'Each picture in {split} of {name} is under '
                f'{folder}', f'but {lost[:3]} ({len(lost)} in all) are not',
                f'They are had from {spec["where"]}', FileNotFoundError)
    both = {path for path, _ in found.splits['train']} & {
        path for path, _ in found.splits['test']}
    require(not both, f'Nothing that {name} trains on is tested', 'but '
            f'{sorted(both)[:3]} ({len(both)} in all) are in both lists',
            f'Take those of {spec["where"]}')


def cells_of(cfg: Config, root: Path, out: Path) -> list[Cell]:
    """Read and check all data; return the comparisons to be run."""
    plan, cells = cfg.yardstick, []
    read = dict(lists=read_lists, coop=read_coop)[plan.layout]
    for name, spec in plan.sets.items():
        folder = find(root / name, name, spec)
        for setting in plan.settings:
            found = read(folder, name, spec, setting)
            check_pictures(folder, name, spec, found,
                           setting if plan.get('share') else 100)
            for seed in plan.seeds:
                cells += _cells(cfg, root, out, name, setting, seed, found)
    return cells


def _cells(cfg: Config, root: Path, out: Path, name: str, setting: int,
           seed: int, found: Pictures) -> list[Cell]:
    """Write the lists of a comparison; return it, and one with source."""
    plan = cfg.yardstick
    place, folder = f'{name}/{setting}', root / name
    here = out / place / f'seed{seed}'
    splits = dict(found.splits)
    cfg = Config(deepcopy(cfg.to_dict()))
    cfg.pop('yardstick')
    target = cfg.train_dataloader.dataset.target
    if plan.layout == 'coop':
        file = folder / 'split_fewshot' / f'shot_{setting}-seed_{seed}.pkl'
        if file.exists():
            splits['train'] = fixed_shots(file, folder, splits['train'])
        else:
            cfg.train_dataloader.dataset.target = dict(
                type='mmjtln.FewShotDataset', shots=setting, seed=seed,
                dataset=target)
            target = cfg.train_dataloader.dataset.target.dataset
    datasets = dict(train=target, val=cfg.val_dataloader.dataset,
                    test=cfg.test_dataloader.dataset)
    for split, dataset in datasets.items():
        file = (here / f'{split}.txt').resolve()
        with atomic_write(file) as stream:
            stream.write(''.join(f'{path} {label}\n' for path, label
                                 in splits[split]).encode())
        dataset.update(
            ann_file=str(file), data_root='', data_prefix=str(
                folder.resolve()), metainfo=dict(classes=found.classes))
    cfg.model.head.num_classes = len(found.classes)
    methods = methods_of(cfg)
    prompt = plan.sets[name].get('prompt')
    if prompt:
        _set_prompt([cfg.custom_hooks, *(
            method.hooks for method in methods)], prompt)
    cells = [Cell(place, seed, cfg, methods, here)]
    source = dict(plan.get('source') or {})
    if source and (root / source['data_root']).is_dir():
        joint = Config(deepcopy(cfg.to_dict()))
        source.update(data_root=str((root / source['data_root']).resolve()),
                      pipeline=target.pipeline)
        joint.train_dataloader.dataset.source = source
        joint.train_dataloader.batch_size *= 2
        joint.model.lambda_s = 1.
        joint.comparison = dict(methods=plan.with_source)
        cells.append(Cell(place, seed, joint, methods_of(joint),
                          here / 'with_source'))
    return cells


def _set_prompt(part: Any, prompt: str) -> None:
    if isinstance(part, Mapping):
        if part.get('type') == 'mmjtln.TextCost':
            part['prompt'] = prompt
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _set_prompt(inner, prompt)


def _share_options(plan: ConfigDict) -> None:
    """Give each set what is the same for all."""
    for spec in plan.sets.values():
        for key in ('where', 'files'):
            if key in plan:
                spec.setdefault(key, plan[key])


def run_cells(cells: Sequence[Cell], jobs: int
              ) -> dict[str, dict[str, list[float]]]:
    """Run comparisons; return accuracies by method and place."""
    found = {}
    for number, cell in enumerate(cells, 1):
        print(f'[{number}/{len(cells)}] {cell.folder}', flush=True)
        study = Study(cell.cfg, cell.methods, [cell.seed], [], [],
                      cell.folder, jobs)
        results = study.run()
        report.write(results, [], cell.folder,
                     report.reported_accuracy(cell.cfg))
        suffix = ', source images' * (cell.folder.name == 'with_source')
        for name, method in results.methods.items():
            for run in method.runs.values():
                if run.error is not None:
                    print(f'FAILED: {name}: {run.error}')
                elif run.test is not None:
                    found.setdefault(name + suffix, {}).setdefault(
                        cell.place, []).append(run.test)
    return found


def dry_run(cells: Sequence[Cell], out: Path) -> str:
    """Time a few steps of the first comparison; say what all would take."""
    cell, folder = cells[0], out / 'dry_run'
    shutil.rmtree(folder, ignore_errors=True)
    plain = Method('timed', 'jtln', options={'model.ot_loss': None})
    cfg = method_config(cell.cfg, plain, plain.variants()[0], 0, None, None)
    cfg.train_dataloader.batch_sampler.epoch = 2 * TIMED
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    images = cfg.val_dataloader.batch_size * TIMED
    cfg.val_dataloader.dataset.indices = images
    started = time.perf_counter()
    runner = train(cfg, work_dir=str(folder))
    ready = time.perf_counter() - started
    hub = runner.message_hub
    times = [value for value, _ in zip(
        *hub.get_scalar('train/time').data, strict=True)]
    step = float(np.median(times[TIMED:]))
    tested = float(np.sum(hub.get_scalar('val/time').data[0])) / images
    start = max(0., ready - sum(times) - tested * images)
    total = 0.
    for each in cells:
        loop, loader = each.cfg.train_cfg, each.cfg.train_dataloader
        share = loader.batch_size / cell.cfg.train_dataloader.batch_size
        passes = loop.max_epochs // loop.get('val_interval', 1) + 2
        lines = len(read_list(Path(each.cfg.test_dataloader.dataset.ann_file)))
        total += len(each.methods) * (
            start + loop.max_epochs * loader.batch_sampler.epoch * step * share
            + passes * lines * tested)
    runs = sum(len(each.methods) for each in cells)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    memory = f'{most:.1f} GiB'
    if get_device() == 'cuda':
        memory = f'{get_max_cuda_memory() / 1024:.1f} GiB of the GPU'
    disk = sum(file.stat().st_size for file in folder.glob('*.pth')) / 2**30
    shutil.rmtree(folder)
    return (f'{runs} runs, {total / 3600:.1f} hours one after the other on '
            f'this {get_device()} ({step:.3f} s a step, {tested:.4f} s a '
            f'tested picture); memory: {memory}; {2 * disk:.2f} GiB of disk '
            'a run while it lasts')


def read_features(folder: Path, name: str, spec: Mapping) -> dict:
    """Read features, labels, class names and split; check the counts."""
    images, split = (scipy.io.loadmat(find(folder / file, name, spec))
                     for file in ('res101.mat', 'att_splits.mat'))
    parts = ('trainval_loc', 'test_seen_loc', 'test_unseen_loc')
    lacking = sorted({'features', 'labels'} - images.keys()) + sorted(
        {'allclasses_names', *parts} - split.keys())
    require(not lacking, f'The files of {name} hold features and split',
            f'but {lacking} are missing', f'Take those of {spec["where"]}')
    found = dict(
        features=images['features'].T.astype(float),
        labels=images['labels'].ravel().astype(int) - 1,
        classes=[str(row[0][0]) for row in split['allclasses_names']],
        **{part[:-4]: split[part].ravel().astype(int) - 1 for part in parts})
    labels, counts = found['labels'], spec['counts']
    check_count(len(found['classes']), counts['classes'],
                f'The classes of {name}', spec)
    for part in ('trainval', 'test_seen', 'test_unseen'):
        check_count(len(found[part]), counts[part],
                    f'The pictures in {part} of {name}', spec)
    found['seen'] = np.unique(labels[found['trainval']])
    found['unseen'] = np.unique(labels[found['test_unseen']])
    check_count(len(found['unseen']), counts['unseen'],
                f'The unseen classes of {name}', spec)
    known = set(found['seen']) | set(found['unseen'])
    missing = sorted(set(range(counts['classes'])) - known)
    both = sorted(set(found['seen']) & set(found['unseen']))
    require(not missing and not both, f'Each class of {name} is seen or '
            'unseen', f'but classes {missing[:5]} are neither and {both[:5]} '
            'are both', f'Take the split of {spec["where"]}')
    return found


def readable(name: str) -> str:
    """Return a class name in words: ``'001.Laysan_Albatross'``."""
    head, dot, rest = name.partition('.')
    return (rest if dot and head.isdecimal() else name).replace(
        '_', ' ').replace('+', ' ')


def image_free(data: Mapping, prompt: str, penalty: float
               ) -> tuple[float, float]:
    """Carry a classifier of seen classes over to the unseen ones.

    Returns:
        tuple[float, float]: Mean accuracy of the unseen classes among
        themselves, and the harmonic mean of seen and unseen ones among all,
        in per cent.
    """
    # One length a picture, so that one penalty suits all sets.
    features = data['features']
    features = features / np.linalg.norm(
        features, axis=1, keepdims=True) * features.shape[1]**0.5
    seen, unseen, labels = data['seen'], data['unseen'], data['labels']
    rows = data['trainval']
    start = np.zeros((len(seen), features.shape[1])), np.zeros(len(seen))
    weight, bias = fit_linear(features[rows], np.searchsorted(
        seen, labels[rows]), start, penalty)
    # What all classes share no prediction among the seen depends on.
    weight, bias = weight - weight.mean(0), bias - bias.mean()
    names = [readable(name) for name in data['classes']]
    cost = TextCost(prompt=prompt)(ClassList([names[i] for i in seen]),
                                   ClassList([names[i] for i in unseen]))
    plan = plan_weights(torch.as_tensor(cost.matrix)).numpy()
    carried = plan.T @ weight, plan.T @ bias
    both = np.r_[weight, carried[0]], np.r_[bias, carried[1]]
    order = np.r_[seen, unseen]

    def accuracy(part: str, head: tuple, classes: np.ndarray) -> float:
        at = data[part]
        right = classes[(features[at] @ head[0].T + head[1]).argmax(
            1)] == labels[at]
        return float(np.mean([right[labels[at] == label].mean()
                              for label in np.unique(labels[at])]))

    first, second = (accuracy(part, both, order)
                     for part in ('test_seen', 'test_unseen'))
    return (100 * accuracy('test_unseen', carried, unseen),
            200 * first * second / max(first + second, 1e-12))


def table(cfg: Config, ours: dict[str, dict[str, list[float]]]) -> str:
    """Return the publisher's table with our rows and the commit."""
    plan = cfg.yardstick
    places = [f'{name}/{setting}' for name in plan.sets
              for setting in plan.settings]
    columns = list(dict.fromkeys([*plan.columns, *places]))
    lines = ['| ' + ' | '.join(['method', *columns]) + ' |',
             '|---' * (len(columns) + 1) + '|']
    for name, values in plan.published.items():
        row = dict(zip(plan.columns, values, strict=True))
        lines.append(_row(name, [row.get(place) for place in columns]))
    for name, found in ours.items():
        row = {place: float(np.mean(values))
               for place, values in found.items()}
        for setting in plan.settings:
            parts = [row.get(f'{each}/{setting}') for each in plan.sets]
            if None not in parts:
                row[f'mean/{setting}'] = float(np.mean(parts))
        lines.append(_row(f'ours: {name}',
                          [row.get(place) for place in columns]))
    made = made_with()
    return '\n'.join([
        *lines, '', f'Measured: {plan.measured}.',
        f'Published rows: {plan.source_of_rows}.',
        f'Ours: commit {made["commit"]}, mmjtln '
        f'{made["versions"]["mmjtln"]}.', ''])


def _row(name: str, values: list[float | None]) -> str:
    return '| ' + ' | '.join([name, *(
        '' if value is None else f'{value:.1f}' for value in values)]) + ' |'


def main() -> None:
    """Check the data, run what is not finished, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', help='a yardstick, or a config of one')
    parser.add_argument('--data', type=Path, required=True, metavar='ROOT')
    parser.add_argument('--dry-run', action='store_true')
    parser.add_argument('--jobs', type=int, default=1,
                        help='runs side by side (default: 1)')
    parser.add_argument('--work-dir', type=Path, help='folder of the results')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        default={}, metavar='KEY=VALUE')
    args = parser.parse_args()
    path = Path(args.name)
    if path.suffix != '.py':
        path = CONFIGS / f'{args.name}.py'
    try:
        known = sorted(file.stem for file in CONFIGS.glob('*.py'))
        require(path.exists(), f'A yardstick is one of {known} or a config',
                f'got {args.name}', 'Correct NAME', FileNotFoundError)
        cfg = read_config(str(path))
        cfg.merge_from_dict(args.cfg_options)
        _share_options(cfg.yardstick)
        init_default_scope('mmpretrain')
        out = args.work_dir or Path('work_dirs', 'yardstick', path.stem)
        plan = cfg.yardstick
        if plan.layout == 'features':
            data = {name: read_features(args.data / name, name, spec)
                    for name, spec in plan.sets.items()}
            if args.dry_run:
                size = sum(part['features'].nbytes for part in data.values())
                print(f'{len(data)} linear fits, minutes on a CPU: below 1 '
                      f'hour; {4 * size / 2**30:.1f} GiB of memory')
                return
            ours = {'head carried over by names': {}}
            for name, part in data.items():
                found = image_free(part, plan.sets[name].prompt, plan.penalty)
                for setting, value in zip(plan.settings, found, strict=True):
                    ours['head carried over by names'][
                        f'{name}/{setting}'] = [value]
        else:
            cells = cells_of(cfg, args.data, out)
            if args.dry_run:
                print(dry_run(cells, out))
                return
            ours = run_cells(cells, args.jobs)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    text = table(cfg, ours)
    with atomic_write(out / 'table.md') as file:
        file.write(text.encode())
    print(text)


if __name__ == '__main__':
    interrupt_quietly()
    main()
