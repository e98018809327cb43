"""A comparison of classifiers on the features of a frozen network."""
import time

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain import get_model
from mmpretrain.registry import DATASETS

from mmjtln.datasets import ClassList
from mmjtln.registry import COSTS

from .frozen_data import FrozenData, read_features, split
from .frozen_methods import (
    FrozenMethod,
    Knowledge,
    classifier,
)
from .results import MethodResult, Results, RunResult
from .study import made_with


class FrozenStudy:
    """Run classifiers over seeds and shots, on features computed once.

    Options are chosen for each number of shots by the mean accuracy of the
    tuning seeds on validation pictures, which no seed trains on or is tested
    on. Without a picture there is nothing to tune: options are the first of
    each grid.

    Args:
        cfg (Config): Of a stock classifier, whose ``load_from`` has its head;
            ``comparison`` names the ``dataset`` (with the test pipeline of
            ``cfg``), the ``cost`` and the ``methods``.
        seeds (list[int]): Seeds that count.
        tuning_seeds (list[int]): Seeds that choose, none of ``seeds``.
        shots (list[int]): Pictures a class.

    Raises:
        ValueError: If a seed both tunes and counts, or a class has fewer
            pictures to draw from.
    """

    def __init__(self, cfg: Config, seeds: list[int], tuning_seeds: list[int],
                 shots: list[int]) -> None:
        both = sorted(set(seeds) & set(tuning_seeds))
        if both or not tuning_seeds:
            raise ValueError(
                'Seeds that tune must be named and must not be reported, too, '
                f'got --tune {tuning_seeds} with {both} in --seeds as well.')
        self.cfg, self.shots = cfg, shots
        self.seeds, self.tuning_seeds = seeds, tuning_seeds
        comparison = cfg.comparison
        self.methods = [FrozenMethod(name, **options)
                        for name, options in comparison.methods.items()]
        init_default_scope('mmpretrain')
        model = get_model(cfg, pretrained=cfg.load_from, device='cpu')
        dataset = DATASETS.build(dict(
            comparison.dataset, pipeline=cfg.test_dataloader.dataset.pipeline))
        self.data = read_features(dataset, model, comparison.get('separator'))
        for seed in (*seeds, *tuning_seeds):  # Is there enough to draw from?
            split(self.data, seed, max(shots), validation=False)
        cost = COSTS.build(comparison.cost)(
            ClassList(comparison.source_classes), dataset)
        layer = model.head.fc
        self.knowledge = Knowledge(
            layer.weight.detach().double().numpy(),
            layer.bias.detach().double().numpy(), cost.matrix)

    def run(self) -> Results:
        """Run everything, and return the results."""
        found = {}
        for method in self.methods:
            runs, tuning = {}, {}
            for shots in self.shots:
                # Without a picture, a classifier is its start.
                if not shots and (method.classifier != 'linear'
                                  or method.start in ('zero', 'own')):
                    continue
                options, tuning[shots] = self._choose(method, shots)
                for seed in self.seeds:
                    start = time.perf_counter()
                    runs[shots, seed] = RunResult(
                        test=self._accuracy(method, options, shots, seed,
                                            False),
                        seconds=time.perf_counter() - start, steps=0,
                        options=options)
            found[method.name] = MethodResult(dict(
                classifier=method.classifier, start=method.start,
                grid=method.grid, tuning=tuning), runs)
            print(method.name, *(
                f'{shots}: {np.mean([run.test for run in here.values()]):.1f}'
                for shots in self.shots
                if (here := found[method.name].at(shots))))
        return Results(dict(
            config_text=self.cfg.pretty_text, seeds=self.seeds,
            tuning_seeds=self.tuning_seeds, **made_with()), found)

    def _choose(self, method: FrozenMethod, shots: int) -> tuple[dict, list]:
        points = method.variants()
        if not shots or len(points) == 1:
            return points[0], []
        tuning = [
            dict(options=options, validation=float(np.mean([
                self._accuracy(method, options, shots, seed, True)
                for seed in self.tuning_seeds])))
            for options in points
        ]
        return max(tuning, key=lambda point: point['validation'])[
            'options'], tuning

    def _accuracy(self, method: FrozenMethod, options: dict, shots: int,
                  seed: int, validation: bool) -> float:
        data: FrozenData = self.data
        train, judge = split(data, seed, shots, validation)
        scores = classifier(method, options, data, train, self.knowledge,
                            seed)(data.features[judge])
        return 100 * float((scores.argmax(1) == data.labels[judge]).mean())
