"""Training from a config in one call."""
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import RUNNERS
from mmengine.runner import Runner, find_latest_checkpoint

from mmjtln.checks.before_run import check_config
from mmjtln.datasets.build import check_parts_of
from mmjtln.datasets.contents import in_data_set
from mmjtln.resume.atomic_checkpoint_hook import stop_explained
from mmjtln.run_config import fill_class_counts, keep_braces, read_config

from .launch import adapt_to_machine


def train(config: str | Path | Config, **overrides: Any) -> Runner:
    """Train from a config, as ``tools/train.py`` does.

    Args:
        config (str | Path | Config): A config, which stays, or its path.
        **overrides: What differs, such as ``work_dir='here'`` or
            ``train_cfg=dict(max_epochs=3)``; merged as ``--cfg-options`` are,
            dotted keys included (``**{'model.lambda_ot': 0.5}``).

    Returns:
        Runner: After training, with ``model`` and ``work_dir``, by default
        ``work_dirs/<config name>``.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the config cannot be right, before anything is built.
    """
    cfg = read_config(config, overrides)
    if cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs', Path(
            cfg.filename or 'mmjtln').stem))
    return _run(fill_class_counts(adapt_to_machine(cfg)))


def train_and_test(cfg: Config, start: str | None) -> None:
    """Train from a merged config, then test the best checkpoint, if any."""
    if cfg.get('resume') and cfg.get('load_from') is None and (
            find_latest_checkpoint(cfg.work_dir) is None):
        cfg.load_from, cfg.resume = start, False
    fill_class_counts(adapt_to_machine(cfg))
    test_cfg = deepcopy(cfg)
    _run(cfg)
    best = MessageHub.get_current_instance().get_info('best_ckpt')
    if best is not None and test_cfg.get('test_dataloader') is not None:
        test_cfg.load_from, test_cfg.resume = best, False
        _build_runner(test_cfg, written=False).test()


def _run(cfg: Config) -> Runner:
    """Check a complete config, train, and return the runner."""
    check_config(cfg)
    for split in ('val', 'test'):
        with in_data_set(split):
            check_parts_of(cfg.get(f'{split}_dataloader'))
    runner = _build_runner(cfg)
    with stop_explained(runner.work_dir):
        runner.train()
    return runner


def _build_runner(cfg: Config, written: bool = True) -> Runner:
    cfg = FormattedConfig.of(cfg, written)
    return (RUNNERS.build(cfg) if 'runner_type' in cfg
            else Runner.from_cfg(cfg))


class FormattedConfig(Config):
    """A config that remembers its text until anything in it changes."""

    @property
    def pretty_text(self) -> str:
        """str: The config as Python code."""
        content = repr(self._cfg_dict)
        remembered = self.__dict__.get('_remembered')
        if remembered is None or remembered[0] != content:
            remembered = content, keep_braces(super().pretty_text)
            # Config's own __setattr__ would make it a key of the config.
            self.__dict__['_remembered'] = remembered
        return remembered[1]

    @classmethod
    def of(cls, cfg: Config, written: bool = True) -> 'FormattedConfig':
        """Return one of the same content; a test's is not to be written."""
        formatted = cls.__new__(cls)
        formatted.__dict__.update(cfg.__dict__, _written=written)
        return formatted

    def dump(self, file: str | Path | None = None) -> str | None:
        """Write the config into a file, or return its text."""
        if file is None or self.__dict__.get('_written', True):
            return super().dump(file)
        return None
