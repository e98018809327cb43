"""A comparison of methods: what is run, what is chosen, what comes out."""
import platform
import subprocess
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmjtln.errors import check_count, require
from mmjtln.files.atomic_file import lock_folder

from .method_config import (
    check_comparable,
    check_shots,
    method_config,
    source_config,
)
from .methods import Method, has_source_images
from .results import MethodResult, Results, RunResult
from .run import BACKBONE, CLASSIFIER, Pool, split_checkpoint

_PACKAGES = ('mmjtln', 'torch', 'mmengine', 'mmpretrain', 'numpy', 'scipy')


class Study:
    """Run methods over seeds, and shots, from one JTLN config.

    For a seed all methods share initial weights, target images and steps.
    Networks are trained on the source, the best point of each grid is chosen
    by ``tuning_seeds``, and all run with ``seeds`` at each number of
    ``shots`` (none: the config's). What is finished in ``folder`` is kept.
    """

    def __init__(self, cfg: Config, methods: list[Method], seeds: list[int],
                 tuning_seeds: list[int], shots: list[int], folder: Path,
                 jobs: int) -> None:
        check_comparable(cfg)
        check_count(jobs, 'jobs', 'a comparison')
        joint = [method.name for method in methods if method.kind == 'joint']
        tuned = [method.name for method in methods if method.grid]
        require(has_source_images(cfg) or not joint,
                'Joint training needs source images',
                f'but {joint} are of kind joint and the source is a ClassList',
                'Leave them out, or set their kind to consecutive')
        check_seeds(seeds, tuning_seeds, tuned)
        self.cfg, self.methods = cfg, methods
        self.seeds, self.tuning_seeds = seeds, tuning_seeds
        self.shots: list[int | None] = [*shots] if shots else [None]
        check_shots(cfg, self.shots + [None] * bool(tuned and shots))
        # Runs build paths of their own from it.
        self.folder = Path(folder).resolve()
        self.runs = self.folder / 'runs'
        self.jobs = jobs

    def run(self) -> Results:
        """Run what is not finished; return all, with what was chosen."""
        lock = lock_folder(self.folder, 'comparison', '--work-dir')
        try:
            return self._run_all()
        finally:
            lock.release(force=True)

    def _run_all(self) -> Results:
        tuned = [method for method in self.methods if method.grid]
        seeds = []  # For each of which a network is trained on the source.
        if any(method.needs_source for method in self.methods):
            if has_source_images(self.cfg):
                seeds = [*self.seeds, *(self.tuning_seeds if tuned else [])]
            else:
                split_checkpoint(self.cfg, self.runs / 'source')
        points = sum(len(method.variants()) for method in tuned)
        pool = Pool(
            self.runs, self.jobs, len(seeds) + points * len(self.tuning_seeds)
            + len(self.methods) * len(self.shots) * len(self.seeds))

        sources = pool.run({
            f'source/seed{seed}': source_config(self.cfg, seed).to_dict()
            for seed in seeds})
        chosen = self._tune(pool, sources)
        found = self._run(pool, {
            (method.name, shots, seed): self._job(
                method, chosen[method.name]['options'], seed, shots)
            for shots in self.shots for seed in self.seeds
            for method in self.methods}, sources)
        here = f'{Path.cwd()}/'
        about = dict(
            # Relative to where the command was given: the same elsewhere.
            config=str(self.cfg.filename).replace(here, ''),
            config_text=self.cfg.pretty_text.replace(here, ''),
            seeds=self.seeds,
            tuning_seeds=self.tuning_seeds,
            **made_with(),
            source_runs={name: sources[name].to_json()
                         for name in sorted(sources)})
        return Results(about, {
            method.name: MethodResult(
                dict(kind=method.kind,
                     start='source' if method.needs_source else 'config',
                     cost=method.cost, **chosen[method.name]),
                {(shots, seed): result
                 for (name, shots, seed), result in found.items()
                 if name == method.name})
            for method in self.methods})

    def _tune(self, pool: Pool,
              sources: dict[str, RunResult]) -> dict[str, dict]:
        """Choose the options of each method."""
        grids = [(method, method.variants() if method.grid else [])
                 for method in self.methods]
        found = self._run(pool, {
            (method.name, number, seed): self._job(method, options, seed, None)
            for method, points in grids
            for number, options in enumerate(points)
            for seed in self.tuning_seeds}, sources)
        chosen = {}
        for method, points in grids:
            tuning: list[Any] = []
            for number, options in enumerate(points):
                scores: Any = [found[method.name, number, seed].validation
                               for seed in self.tuning_seeds]
                # A point at which a run failed is no candidate.
                tuning.append(dict(options=options, validation=None if None in
                                   scores else float(np.mean(scores))))
            # Of level points the one nearest to the middle of the grid.
            best = max(enumerate(tuning), key=lambda item: (
                -1 if item[1]['validation'] is None else item[1]['validation'],
                -abs(item[0] - (len(tuning) - 1) / 2)),
                default=(0, dict(options=method.options)))[1]
            chosen[method.name] = dict(options=best['options'], tuning=tuning)
        return chosen

    def _run(self, pool: Pool, jobs: dict[tuple, tuple[str, dict]],
             sources: dict[str, RunResult]) -> dict[tuple, RunResult]:
        """Make runs; each tells, or fails with, the source's it begins at."""
        trained = {self.runs / name: run for name, run in sources.items()}
        starts = {key: trained.get(Path(cfg.get('load_from') or '').parent,
                                   RunResult())
                  for key, (_, cfg) in jobs.items()}
        found = pool.run({name: cfg for key, (name, cfg) in jobs.items()
                          if not starts[key].error})

        def result(name: str, start: RunResult) -> RunResult:
            if start.error or found[name].error:
                return found.get(name) or RunResult(
                    error=f'the training on the source failed: {start.error}')
            return replace(
                found[name], source_steps=start.steps,
                source_seconds=start.seconds)

        return {key: result(name, starts[key])
                for key, (name, _) in jobs.items()}

    def _job(self, method: Method, options: dict, seed: int,
             shots: int | None) -> tuple[str, dict]:
        """Return a run's name and config."""
        point = ''.join(f',{key.rsplit(".", 1)[-1]}={options[key]}'
                        for key in method.grid)
        name = '/'.join([method.name + point, *(
            [] if shots is None else [f'shots{shots}']), f'seed{seed}'])
        start = None
        if method.needs_source:
            source = self.runs / 'source'
            if has_source_images(self.cfg):
                source /= f'seed{seed}'
            start = dict(classifier=str(source / CLASSIFIER),
                         backbone=str(source / BACKBONE))
        return name, method_config(
            self.cfg, method, options, seed, shots, start).to_dict()


def check_seeds(seeds: list[int], tuning_seeds: list[int],
                tuned: list[str]) -> None:
    """Refuse seeds that both tune and count, or none for methods to tune."""
    both = sorted(set(seeds) & set(tuning_seeds))
    require(not both, 'Seeds that tune must not be reported, too',
            f'but {both} are in both --seeds and --tune',
            'Take them out of one of the two')
    require(tuning_seeds or not tuned, 'To choose from a grid takes seeds of '
            'its own', f'but {tuned} have a grid and there are none', 'Name '
            'some by --tune, such as --tune 100-102')


def made_with() -> dict:
    """Return the commit of this code, if it is a clone, and the versions."""
    try:
        commit = subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--abbrev=12'],
            cwd=Path(__file__).parent, capture_output=True, text=True,
            check=False).stdout.strip() or None
    except FileNotFoundError:
        commit = None
    return dict(commit=commit, versions={
        'python': platform.python_version(),
        **{name: str(import_module(name).__version__)
           for name in _PACKAGES}})
