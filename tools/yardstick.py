"""Measure on a published yardstick, and write its table with our rows.

    python tools/yardstick.py task_adaptation --data ROOT --dry-run
    python tools/yardstick.py task_adaptation --data ROOT

NAME is a config in configs/yardsticks, which says what it needs, or your own
that inherits one. What is missing is named, and where it is had. `--dry-run`
times a few steps and says what all would take. The same command again
continues where it was stopped. Results go to ``work_dirs/yardstick/<NAME>``:
table.md, and the files of a comparison for each set and setting.
"""
import argparse
import resource
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yardstick_data as data
from frozen_classifiers import Knowledge
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device, get_max_cuda_memory
from mmengine.registry import init_default_scope

from mmjtln.apis import train
from mmjtln.comparison import Method, Study, methods_of, report
from mmjtln.comparison.method_config import method_config
from mmjtln.comparison.results import MethodResult, Results, RunResult
from mmjtln.comparison.study import made_with
from mmjtln.costs import TextCost
from mmjtln.datasets import ClassList
from mmjtln.datasets.build import build_dataset
from mmjtln.errors import interrupt_quietly
from mmjtln.files.atomic_file import atomic_write
from mmjtln.heads import fit_linear
from mmjtln.run_config import fill_class_counts, parts_of_type, read_config

CONFIGS = Path(__file__).parents[1] / 'configs' / 'yardsticks'
#: A place, such as ``'cub200/15'``, a folder and what was found there.
Found = tuple[str, Path, Results]


class Cell(NamedTuple):
    """One comparison: a set at a setting, with the seeds that share a list."""

    place: str
    seeds: list[int]
    cfg: Config
    folder: Path


def cells_of(cfg: Config, root: Path, out: Path) -> Iterator[Cell]:
    """Read and check all data; return the comparisons to be run."""
    plan = cfg.yardstick
    coop = plan.layout == 'coop'
    read = data.read_coop if coop else data.read_lists
    for name, setting in product(plan.sets, plan.settings):
        splits = read(root, plan, name, setting, out / 'lists')
        data.check_set(plan, name, splits, setting if plan.share else 100)
        for seeds in [[seed] for seed in plan.seeds] if coop else [plan.seeds]:
            drawn = splits['train'] if not coop else data.few_shot(
                root, plan, name, splits['train'], setting, seeds[0])
            here = _with_data(cfg, name, dict(splits, train=drawn))
            place = f'{name}/{setting}'
            folder = out / place / f'seed{seeds[0]}'
            yield Cell(place, seeds, here, folder)
            if 'with_source' in plan:
                here = Config(deepcopy(here.to_dict()))
                here.comparison = here.train_dataloader.dataset.source = {}
                here.merge_from_dict(plan.with_source)
                source = here.train_dataloader.dataset.source
                source.data_root = str((root / source.data_root).resolve())
                if Path(source.data_root).is_dir():
                    yield Cell(place, seeds, here, folder / 'with_source')


def _with_data(cfg: Config, name: str, splits: data.Splits) -> Config:
    """Return the comparison on a set."""
    cfg = Config(deepcopy(cfg.to_dict()))
    for part in parts_of_type([cfg.custom_hooks, cfg.comparison,
                               cfg.yardstick], 'TextCost'):
        part.prompt = cfg.yardstick.prompts.get(name, part.prompt)
    cfg.train_dataloader.dataset.target = splits['train']
    target = cfg.train_dataloader.dataset.target
    target.get('dataset', target).pipeline = cfg.train_pipeline
    for split in ('val', 'test'):
        cfg[f'{split}_dataloader'].dataset = dict(
            splits.get(split, splits['test']), pipeline=cfg.test_pipeline)
    return fill_class_counts(cfg)


def run_cells(cells: list[Cell], jobs: int) -> Iterator[Found]:
    """Run comparisons."""
    for number, cell in enumerate(cells, 1):
        print(f'[{number}/{len(cells)}] {cell.folder}', flush=True)
        yield cell.place, cell.folder, Study(
            cell.cfg, methods_of(cell.cfg), cell.seeds, [], [], cell.folder,
            jobs).run()


def dry_run(cells: list[Cell], out: Path) -> str:
    """Time a few steps of the first comparison; say what all would take."""
    shutil.rmtree(out / 'dry_run', ignore_errors=True)
    plain = Method('timed', 'jtln', options={'model.ot_loss': None})
    cfg = method_config(cells[0].cfg, plain, plain.options, 0, None, None)
    # Of eight steps and tests the first half warms up.
    cfg.train_dataloader.batch_sampler.epoch = 8
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.val_dataloader.dataset.indices = 8 * cfg.val_dataloader.batch_size
    hub = train(cfg, work_dir=str(out / 'dry_run')).message_hub
    shutil.rmtree(out / 'dry_run')
    step, test = (
        np.median(hub.get_scalar(f'{name}/time').data[0][-4:])
        / cfg[f'{name}_dataloader'].batch_size for name in ('train', 'val'))
    runs, seconds = 0, 0.
    for cell in cells:
        loop, loader = cell.cfg.train_cfg, cell.cfg.train_dataloader
        count = len(methods_of(cell.cfg)) * len(cell.seeds)
        steps = loop.max_epochs * loader.batch_sampler.epoch
        passes = loop.max_epochs // loop.get('val_interval', 1) + 2
        runs += count
        seconds += count * (
            step * steps * loader.batch_size + test * passes * len(
                build_dataset(cell.cfg.test_dataloader.dataset)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    memory = (f'{get_max_cuda_memory() / 1024:.1f} GiB of the GPU'
              if get_device() == 'cuda' else f'{most:.1f} GiB')
    return (f'{runs} runs, {seconds / 3600:.1f} hours one after the other on '
            f'this {get_device()} ({step:.4f} s a picture trained on, '
            f'{test:.4f} s tested); memory: {memory}')


def image_free(part: dict, prompt: str, plan: ConfigDict
               ) -> dict[str, list[float]]:
    """Carry a classifier of seen classes over to the unseen ones.

    Returns, by carrier, the mean accuracy of the unseen classes among
    themselves, and the harmonic mean of seen and unseen ones among all, %.
    """
    # One length a picture, so that one penalty suits all sets.
    features, labels = part['features'], part['labels']
    features = features / np.linalg.norm(
        features, axis=1, keepdims=True) * features.shape[1]**0.5
    seen, unseen, (rows, *tests) = part['seen'], part['unseen'], part['parts']
    zero = np.zeros((len(seen), features.shape[1])), np.zeros(len(seen))
    weight, bias = fit_linear(features[rows], np.searchsorted(
        seen, labels[rows]), zero, plan.penalty)
    # What all classes share no prediction among the seen depends on.
    weight, bias = weight - weight.mean(0), bias - bias.mean()
    names = [ClassList([part['names'][i] for i in side])
             for side in (seen, unseen)]
    cost = TextCost(prompt=prompt)
    known = Knowledge(weight, bias, cost(*names).matrix, cost.vectors(*names))

    def accuracy(at: np.ndarray, weight: np.ndarray, bias: np.ndarray,
                 classes: np.ndarray) -> float:
        said = classes[(features[at] @ weight.T + bias).argmax(1)]
        return 100 * float(np.mean([(said[labels[at] == label] == label).mean()
                                    for label in np.unique(labels[at])]))

    found = {}
    for carrier in plan.carriers:
        carried = known.start(carrier, 'true', 0, features, labels)
        both = (np.r_[weight, carried[0]], np.r_[bias, carried[1]],
                np.r_[seen, unseen])
        first, second = (accuracy(at, *both) for at in tests)
        found[carrier] = [accuracy(tests[1], *carried, unseen),
                          2 * first * second / max(first + second, 1e-9)]
    return found


def run_features(cfg: Config, sets: dict[str, dict], out: Path
                 ) -> Iterator[Found]:
    """Carry heads over, by each carrier."""
    plan = cfg.yardstick
    about = dict(config_text=cfg.pretty_text, seeds=[0], **made_with())
    for name, part in sets.items():
        found = image_free(part, plan.prompts.get(
            name, 'a photo of a {}'), plan)
        for number, setting in enumerate(plan.settings):
            yield f'{name}/{setting}', out / name / setting, Results(about, {
                f'head by names, {carrier}': MethodResult({}, {
                    (None, 0): RunResult(test=values[number])})
                for carrier, values in found.items()})


def write(cfg: Config, found: Iterable[Found], out: Path) -> str:
    """Write what is found; return the publisher's table with our rows."""
    plan = cfg.yardstick
    places = [f'{name}/{setting}' for name, setting in product(
        plan.sets, plan.settings)]
    rows = {name: dict(zip(plan.columns, text.split(), strict=True))
            for name, text in plan.published.items()}
    ours = defaultdict(lambda: defaultdict(list))
    for place, folder, results in found:
        report.write(results, [], folder, plan.measured)
        suffix = ', source images' * (folder.name == 'with_source')
        for name, method in results.methods.items():
            ours[f'ours: {name}{suffix}'][place] += [
                run.test for run in method.runs.values()
                if run.test is not None]
    for name, tests in ours.items():
        row = {place: np.mean(tests[place] or np.nan) for place in places}
        row |= {f'mean/{setting}': np.mean([
            row[f'{each}/{setting}'] for each in plan.sets])
            for setting in plan.settings}
        rows[name] = {place: f'{value:.1f}' for place, value in row.items()}
    columns = list(dict.fromkeys([*plan.columns, *places]))
    lines = [['method', *columns], ['---'] * (len(columns) + 1), *(
        [name, *(row.get(place, '') for place in columns)]
        for name, row in rows.items())]
    text = '\n'.join([
        *(f'| {" | ".join(line)} |' for line in lines), '',
        f'Measured: {plan.measured}. Published rows: {plan.source_of_rows}. '
        f'Ours: commit {made_with()["commit"]}.', ''])
    with atomic_write(out / 'table.md') as file:
        file.write(text.encode())
    return text


def measure(cfg: Config, args: argparse.Namespace, out: Path) -> str:
    """Check the data; then say what all would take, or run it."""
    plan = cfg.yardstick
    if plan.layout != 'features':
        cells = list(cells_of(cfg, args.data, out))
        return dry_run(cells, out) if args.dry_run else write(
            cfg, run_cells(cells, args.jobs), out)
    sets = {name: data.read_features(args.data, plan, name)
            for name in plan.sets}
    size = sum(part['features'].nbytes for part in sets.values())
    return (f'{len(sets)} linear fits, below 1 hour on a CPU; '
            f'{4 * size / 2**30:.1f} GiB of memory') if args.dry_run else (
                write(cfg, run_features(cfg, sets, out), out))


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
    args = parser.parse_args()
    path = CONFIGS / f'{args.name}.py'
    if not path.exists():
        path = Path(args.name)
    try:
        init_default_scope('mmpretrain')
        print(measure(read_config(str(path)), args,
                      Path('work_dirs', 'yardstick', path.stem)))
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    interrupt_quietly()
    main()
