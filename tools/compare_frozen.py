"""Compare classifiers on the features of a frozen network, few images a class.

    python tools/compare_frozen.py configs/compare/frozen/food.py \
        --seeds 0-9 --tune 100-104 --against linear,linear_text

CONFIG is that of a stock classifier, whose ``load_from`` has its head; its
``comparison`` names the ``dataset`` (read by the config's test pipeline), the
``cost`` of the class names and the ``methods``, see ``FrozenMethod`` in
``frozen_classifiers.py``; ``unrelated``, if given, is a data set of other
things, on whose pictures a small source head is fitted. Features are computed
once, so all takes minutes on a CPU.

Options are chosen for each number of shots by the mean accuracy of the tuning
seeds on validation pictures, which no seed trains on or is tested on; without
a picture they are the first of each grid. results.json, table.md, table.csv
and plot.png go to ``work_dirs/compare_frozen/<config>``.
"""
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from compare_methods import check_choices, parser_of, references
from frozen_classifiers import FrozenMethod, Knowledge, classifier
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain import get_model
from mmpretrain.registry import DATASETS
from torch import nn
from torch.utils.data import Dataset

from mmjtln.comparison import MethodResult, Results, RunResult, report
from mmjtln.comparison.study import check_seeds, made_with
from mmjtln.datasets import ClassList
from mmjtln.errors import end_in_words, require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.heads import fit_linear
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import extract_features
from mmjtln.registry import COSTS


@dataclass(frozen=True)
class FrozenData:
    """N pictures of L classes: features (N, D), float64, and labels (N, ).

    ``items`` (N, ) say what each shows: pictures of the same thing never part
    between training and test.
    """

    features: np.ndarray
    labels: np.ndarray
    items: np.ndarray
    classes: tuple[str, ...]


def read_features(dataset: Dataset, model: nn.Module, separator: str | None
                  ) -> FrozenData:
    """Compute the features before a model's last layer.

    ``separator`` stands in file names between the thing shown and the rest;
    None: each picture shows another thing.
    """
    images = DomainImages(dataset, 'target')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    # DomainImages sorts by class, and so does CustomDataset.
    infos.sort(key=lambda info: info['gt_label'])
    names = [info['img_path'].rpartition('/')[2] for info in infos]
    items = [name if separator is None else name.split(separator)[0]
             for name in names]
    return FrozenData(
        extract_features(model, images, 'pre_logits').numpy().astype(float),
        images.labels, np.array(items), images.classes)


def split(data: FrozenData, seed: int, shots: int, validation: bool
          ) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``shots`` training pictures a class and those that judge.

    A fifth of the things of each class, the same for all seeds, is for
    validation; of the others a seed's 60 % are to draw from, and the rest is
    for its test. Different things are drawn first. Indices are ascending.
    """
    train, judge = [], []
    for label, name in enumerate(data.classes):
        members = np.flatnonzero(data.labels == label)
        things = np.unique(data.items[members])
        held = np.random.default_rng([label]).permutation(things)
        count = round(0.2 * len(held))
        rng = np.random.default_rng([seed, label])
        others = rng.permutation(held[count:])
        cut = round(0.6 * len(others))
        drawn = _draw(data, members, others[:cut], shots, rng)
        require(len(drawn) == shots, f'{shots} shots need as many pictures of '
                'each class to draw from', f'but {name!r} has {len(drawn)}',
                'Ask for fewer by --shots')
        train += drawn
        wanted = held[:count] if validation else others[cut:]
        judge += list(members[np.isin(data.items[members], wanted)])
    return np.sort(np.array(train, dtype=int)), np.sort(judge)


def _draw(data: FrozenData, members: np.ndarray, things: np.ndarray,
          shots: int, rng: np.random.Generator) -> list[int]:
    """Take one picture of each thing in turn, then the next of each."""
    rounds = []
    for turn, thing in enumerate(things):
        pictures = rng.permutation(members[data.items[members] == thing])
        rounds += [(number, turn, picture)
                   for number, picture in enumerate(pictures)]
    return [int(picture) for *_, picture in sorted(rounds)[:shots]]


class FrozenStudy:
    """Run a config's methods over seeds and shots, features computed once."""

    def __init__(self, cfg: Config, seeds: list[int], tuning_seeds: list[int],
                 shots: list[int], methods: list[str] | None = None) -> None:
        check_seeds(seeds, tuning_seeds, list(cfg.comparison.methods))
        self.cfg, self.shots = cfg, shots
        self.seeds, self.tuning_seeds = seeds, tuning_seeds
        comparison = cfg.comparison
        check_choices(methods or [], '--methods', comparison.methods)
        self.methods = [FrozenMethod(name, **comparison.methods[name])
                        for name in methods or comparison.methods]
        init_default_scope('mmpretrain')
        model = get_model(cfg, pretrained=cfg.load_from, device='cpu')
        self.data, dataset = self._read(comparison.dataset, model)
        for seed in (*seeds, *tuning_seeds):  # Is there enough to draw from?
            split(self.data, seed, max(shots), validation=False)
        layer = model.head.fc
        unrelated = None
        if 'unrelated' in comparison:
            others, small = self._read(comparison.unrelated, model)
            zero = (np.zeros((len(others.classes), layer.in_features)),
                    np.zeros(len(others.classes)))
            unrelated = self._knowledge(small, dataset, fit_linear(
                others.features, others.labels, zero, 0.01))
        self.knowledge = self._knowledge(
            ClassList(comparison.source_classes), dataset, tuple(
                part.detach().double().numpy()
                for part in (layer.weight, layer.bias)), unrelated)
        #: By method, shots and seed: pictures judged, and which were right.
        self.judged: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

    def _read(self, dataset: dict, model: nn.Module
              ) -> tuple[FrozenData, Dataset]:
        built = DATASETS.build(dict(
            dataset, pipeline=self.cfg.test_dataloader.dataset.pipeline))
        return read_features(
            built, model, self.cfg.comparison.get('separator')), built

    def _knowledge(self, source: Dataset, target: Dataset,
                   head: tuple[np.ndarray, np.ndarray],
                   unrelated: Knowledge | None = None) -> Knowledge:
        cost = COSTS.build(self.cfg.comparison.cost)
        vectors = getattr(cost, 'vectors', None)
        return Knowledge(
            *head, cost(source, target).matrix,
            None if vectors is None else vectors(source, target), unrelated)

    def run(self) -> Results:
        """Run everything, and return the results."""
        return Results(dict(
            config_text=self.cfg.pretty_text, seeds=self.seeds,
            tuning_seeds=self.tuning_seeds, **made_with()),
            {method.name: self._run(method) for method in self.methods})

    def _run(self, method: FrozenMethod) -> MethodResult:
        runs, tuning = {}, {}
        for shots in self.shots:
            if not shots and not method.without_pictures:
                continue
            options, tuning[shots] = self._choose(method, shots)
            for seed in self.seeds:
                begun = time.perf_counter()
                judge, right = self._judge(method, options, shots, seed, False)
                self.judged[method.name, shots, seed] = judge, right
                labels = self.data.labels[judge]
                balanced = np.mean([right[labels == label].mean()
                                    for label in np.unique(labels)])
                runs[shots, seed] = RunResult(
                    test=100 * float(right.mean()),
                    balanced=100 * float(balanced),
                    seconds=time.perf_counter() - begun, steps=0,
                    options=options)
        found = MethodResult(dict(
            classifier=method.classifier, start=method.start,
            names=method.names, weigh=method.weigh, grid=method.grid,
            tuning=tuning), runs)
        print(method.name, *(
            f'{shots}: {np.mean([run.test for run in here.values()]):.1f}'
            for shots in self.shots if (here := found.at(shots))))
        return found

    def _choose(self, method: FrozenMethod, shots: int) -> tuple[dict, list]:
        points = method.variants()
        if not shots or len(points) == 1:
            return points[0], []
        tuning = [
            dict(options=options, validation=float(np.mean([
                100 * self._judge(method, options, shots, seed, True)[1].mean()
                for seed in self.tuning_seeds])))
            for options in points]
        best = max(tuning, key=lambda point: point['validation'])
        return best['options'], tuning

    def _judge(self, method: FrozenMethod, options: dict, shots: int,
               seed: int, validation: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return which pictures judge, and which of them are right."""
        data = self.data
        train, judge = split(data, seed, shots, validation)
        scores = classifier(
            method, options, data.features[train], data.labels[train],
            self.knowledge, seed)(data.features[judge])
        return judge, scores.argmax(1) == data.labels[judge]

    def intervals(self, against: list[str], draws: int = 2000) -> str:
        """Compare over seeds and things, both drawn with replacement.

        Returns a Markdown table of differences in points, with the 2.5th and
        97.5th percentile of ``draws`` draws.
        """
        things = np.unique(self.data.items, return_inverse=True)[1]
        rng = np.random.default_rng(0)
        seeds, pictures = (
            rng.multinomial(count, np.full(count, 1 / count), draws)
            for count in (len(self.seeds), things.max() + 1))
        lines = ['| shots | method | ' + ' | '.join(
            f'against {name} [95 %]' for name in against) + ' |',
            '|---' * (2 + len(against)) + '|']
        for shots in self.shots:
            found = {method.name: self._right(method.name, shots, things)
                     for method in self.methods
                     if (method.name, shots, self.seeds[0]) in self.judged}
            for name, (right, count) in found.items():
                cells = []
                for other in against:
                    if other == name or other not in found:
                        cells.append('')
                        continue
                    gain = 100 * (right - found[other][0])
                    judged = ((seeds @ count) * pictures).sum(1)
                    drawn = ((seeds @ gain) * pictures).sum(1) / np.where(
                        judged, judged, np.nan)
                    # A small set may be drawn without a picture that judges.
                    low, high = np.nanpercentile(drawn, [2.5, 97.5])
                    cells.append(f'{gain.sum() / count.sum():+.1f} '
                                 f'[{low:.1f}, {high:.1f}]')
                lines.append(f'| {shots} | {name} | {" | ".join(cells)} |')
        return '\n'.join(lines) + '\n'

    def _right(self, name: str, shots: int, things: np.ndarray
               ) -> tuple[np.ndarray, np.ndarray]:
        """Count right and judged pictures by seed and thing."""
        found = [self.judged[name, shots, seed] for seed in self.seeds]
        size = things.max() + 1
        return tuple(np.array([np.bincount(things[judge], weights, size)
                               for judge, weights in counted])
                     for counted in (found, [(judge, None)
                                             for judge, _ in found]))


def main() -> None:
    """Run, then write and print the table."""
    parser = parser_of(
        __doc__, 'linear', list(range(100, 105)), [0, 1, 2, 5, 10])
    parser.add_argument(
        '--network', metavar='CONFIG', help='a stock classifier to compare '
        "with in place of the config's")
    parser.add_argument('--out', type=Path, help='folder of the results')
    args = parser.parse_args()

    cfg = Config.fromfile(args.config)
    name = Path(args.config).stem
    if args.network:
        comparison, cfg = cfg.comparison, Config.fromfile(args.network)
        cfg.merge_from_dict(dict(comparison=comparison))
        name = f'{name}_{Path(args.network).stem}'
    out = args.out or Path('work_dirs', 'compare_frozen', name)
    try:
        against = references(args.against, 'linear',
                             args.methods or cfg.comparison.methods)
        study = FrozenStudy(
            cfg, args.seeds, args.tune, args.shots, args.methods)
        results = study.run()
    except ValueError as error:
        parser.error(str(error))
    print(report.write(results, against, out))
    with atomic_write(out / 'intervals.md') as file:
        file.write(study.intervals(against).encode())
    print(f'{out}: results.json, table.md, table.csv, plot.png, intervals.md')


if __name__ == '__main__':
    end_in_words()
    main()
