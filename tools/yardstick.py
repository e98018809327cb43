"""Measure on a published yardstick, and write its table with our rows.

    python tools/yardstick.py task_adaptation --data ROOT --dry-run
    python tools/yardstick.py task_adaptation --data ROOT

NAME is a config in configs/yardsticks, or your own that inherits one. It says
what it needs. `--dry-run` times a few steps and says what all would take. The
same command again continues where it was stopped. Results and table.md go to
``work_dirs/yardstick/<NAME>``.
"""
import argparse
import resource
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import product
from pathlib import Path

import numpy as np
import yardstick_data as data
from frozen_classifiers import Knowledge
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device, get_max_cuda_memory
from mmengine.registry import init_default_scope

from mmjtln.apis import train
from mmjtln.comparison import Method, Study, methods_of, report, summarise
from mmjtln.comparison.method_config import method_config
from mmjtln.comparison.results import MethodResult, Results, RunResult
from mmjtln.comparison.study import made_with
from mmjtln.costs import TextCost
from mmjtln.datasets import ClassList
from mmjtln.datasets.build import build_dataset
from mmjtln.errors import end_in_words
from mmjtln.files.atomic_file import atomic_write
from mmjtln.heads import fit_linear
from mmjtln.run_config import fill_class_counts, parts_of_type, read_config

CONFIGS = Path(__file__).parents[1] / 'configs' / 'yardsticks'
#: Places, such as ``'cub200/15'``, folders, and what was found there.
Found = Iterable[tuple[str, Path, Results]]


def studies_of(cfg: Config, root: Path, out: Path, jobs: int
               ) -> Iterable[tuple[str, Study]]:
    """Read and check all data; return the comparisons to be run, by place."""
    plan = cfg.yardstick
    coop = plan.layout == 'coop'
    for name, setting in product(plan.sets, plan.settings):
        splits = data.read_coop(root, plan, name, out / 'lists') if (
            coop) else data.read_lists(root, plan, name, setting)
        data.check_set(plan, name, splits, setting if plan.share else 100)
        for seeds in [[seed] for seed in plan.seeds] if coop else [plan.seeds]:
            drawn = splits['train'] if not coop else data.few_shot(
                root, plan, name, splits['train'], setting, seeds[0])
            place = f'{name}/{setting}'
            folder = out / place / f'seed{seeds[0]}'
            here = _with_data(cfg, name, dict(splits, train=drawn))
            yield place, Study(
                here, methods_of(here), seeds, [], [], folder, jobs)
            if 'with_source' in plan:
                here = Config(deepcopy(here.to_dict()))
                here.comparison = here.train_dataloader.dataset.source = {}
                here.merge_from_dict(plan.with_source)
                source = here.train_dataloader.dataset.source
                source.data_root = str(root / source.data_root)
                if Path(source.data_root).is_dir():
                    yield place, Study(here, methods_of(here), seeds, [], [],
                                       folder / 'with_source', jobs)


def _with_data(cfg: Config, name: str, splits: data.Splits) -> Config:
    """Return the comparison on a set."""
    cfg = Config(deepcopy(cfg.to_dict()))
    for part in parts_of_type(list(cfg.values()), 'TextCost'):
        part.prompt = cfg.yardstick.prompts.get(name, part.prompt)
    cfg.train_dataloader.dataset.target = splits['train']
    target = cfg.train_dataloader.dataset.target
    target.get('dataset', target).pipeline = cfg.train_pipeline
    for split in ('val', 'test'):
        cfg[f'{split}_dataloader'].dataset = dict(
            splits.get(split, splits['test']), pipeline=cfg.test_pipeline)
    return fill_class_counts(cfg)


def dry_run(studies: list[tuple[str, Study]]) -> str:
    """Time a few steps of the first comparison; say what all would take."""
    plain = Method('timed', 'jtln', options={'model.ot_loss': None})
    cfg = method_config(
        studies[0][1].cfg, plain, plain.options, 0, None, None)
    # Of eight steps and tests the first half warms up.
    cfg.train_dataloader.batch_sampler.epoch = 8
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.val_dataloader.dataset.indices = 8 * cfg.val_dataloader.batch_size
    with tempfile.TemporaryDirectory() as folder:
        hub = train(cfg, work_dir=folder).message_hub
    step, test = (
        np.median(hub.get_scalar(f'{name}/time').data[0][-4:])
        / cfg[f'{name}_dataloader'].batch_size for name in ('train', 'val'))
    runs, seconds = 0, 0.
    for _, study in studies:
        loop, loader = study.cfg.train_cfg, study.cfg.train_dataloader
        steps = loop.max_epochs * loader.batch_sampler.epoch
        passes = loop.max_epochs // loop.get('val_interval', 1) + 2
        count = len(study.methods) * len(study.seeds)
        runs += count
        seconds += count * (
            step * steps * loader.batch_size + test * passes * len(
                build_dataset(study.cfg.test_dataloader.dataset)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if get_device() == 'cuda':
        memory = get_max_cuda_memory() / 2**10
    return (f'{runs} runs, {seconds / 3600:.1f} hours one after the other on '
            f'this {get_device()} ({step:.4f} s a picture trained on, '
            f'{test:.4f} s tested); {memory:.1f} GiB of its memory')


def image_free(part: dict, prompt: str, plan: ConfigDict
               ) -> dict[str, list[float]]:
    """Carry a classifier of seen classes over; return accuracies by carrier.

    They are that of the unseen classes among themselves, and the harmonic
    mean of seen and unseen ones among all, each a mean of the classes, in %.
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


def run_features(cfg: Config, sets: dict[str, dict], out: Path) -> Found:
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


def write(cfg: Config, found: Found, out: Path) -> str:
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
        for row in summarise(results, []):
            ours[f'ours: {row.method}{suffix}'][place].append(
                row.accuracy.mean)
    for name, tests in ours.items():
        row = {place: np.mean(np.array(tests[place] or [None], float))
               for place in places}
        row |= {f'mean/{setting}': np.mean([
            row[f'{each}/{setting}'] for each in plan.sets])
            for setting in plan.settings}
        rows[name] = {place: f'{value:.1f}' for place, value in row.items()}
    columns = list(dict.fromkeys([*plan.columns, *places]))
    lines = [['method', *columns], ['---'] * (len(columns) + 1), *(
        [name, *(row.get(place, '') for place in columns)]
        for name, row in rows.items())]
    text = '\n'.join(f'| {" | ".join(line)} |' for line in lines) + (
        f'\n\nMeasured: {plan.measured}. Published: {plan.source_of_rows}. '
        f'Ours: commit {made_with()["commit"]}.\n')
    with atomic_write(out / 'table.md') as file:
        file.write(text.encode())
    return text


def measure(cfg: Config, args: argparse.Namespace, out: Path) -> str:
    """Check the data; then say what all would take, or run it."""
    plan = cfg.yardstick
    if plan.layout == 'features':
        sets = {name: data.read_features(args.data, plan, name)
                for name in plan.sets}
        size = sum(part['features'].nbytes for part in sets.values()) / 2**30
        if args.dry_run:
            return f'Below 1 hour on a CPU; {4 * size:.1f} GiB of memory'
        return write(cfg, run_features(cfg, sets, out), out)
    studies = list(studies_of(cfg, args.data, out, args.jobs))
    return dry_run(studies) if args.dry_run else write(cfg, (
        (place, study.folder, study.run()) for place, study in studies), out)


def main() -> None:
    """Check the data, run what is not finished, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', help='a yardstick, or a config of one')
    parser.add_argument('--data', type=Path, required=True, metavar='ROOT')
    parser.add_argument('--dry-run', action='store_true')
    parser.add_argument('--jobs', type=int, default=1, help='side by side')
    args = parser.parse_args()
    args.data = args.data.absolute()
    path = CONFIGS / f'{args.name}.py'
    if not path.exists():
        path = Path(args.name)
    try:
        init_default_scope('mmpretrain')
        print(measure(read_config(str(path)), args,
                      Path.cwd() / 'work_dirs/yardstick' / path.stem))
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    end_in_words()
    main()
