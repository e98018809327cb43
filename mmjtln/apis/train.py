"""Training from a config in one call."""
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmjtln.checks.before_run import check_config
from mmjtln.datasets.build import check_concatenations
from mmjtln.datasets.contents import in_data_set
from mmjtln.run_config import fill_class_counts

from .launch import adapt_to_machine

#: What MMPretrain's tools/train.py sets where the config does not.
_LOADER_DEFAULTS = dict(pin_memory=True, persistent_workers=True,
                        collate_fn=dict(type='default_collate'))


def train(config: str | Path | Config, **overrides: Any) -> Runner:
    """Train from a config, as ``tools/train.py`` does.

    Args:
        config (str | Path | Config): A config, or the path to one; a Config
            is not changed.
        **overrides: What differs, such as ``work_dir='here'`` or
            ``train_cfg=dict(max_epochs=3)``; merged as ``--cfg-options`` are,
            dotted keys included (``**{'model.lambda_ot': 0.5}``).

    Returns:
        Runner: After training; ``runner.model`` is the model,
        ``runner.work_dir`` the folder of checkpoints and logs
        (``work_dirs/<config name>`` by default).

    Raises:
        FileNotFoundError: If there is no such config.
    """
    if isinstance(config, Config):
        cfg = Config(config.to_dict(), filename=config.filename)
    else:
        cfg = Config.fromfile(config)
    cfg.merge_from_dict(overrides)
    if cfg.get('work_dir') is None:
        name = Path(cfg.filename).stem if cfg.filename else 'mmjtln'
        cfg.work_dir = str(Path('work_dirs') / name)
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if loader is not None:
            cfg[f'{split}_dataloader'] = ConfigDict(
                {**_LOADER_DEFAULTS, **loader})
    return run(fill_class_counts(adapt_to_machine(cfg)))


def run(cfg: Config) -> Runner:
    """Train from a config that is complete.

    Args:
        cfg (Config): After :func:`~mmjtln.apis.launch.adapt_to_machine` and
            :func:`~mmjtln.run_config.fill_class_counts`.

    Returns:
        Runner: After training.

    Raises:
        ValueError: As :func:`~mmjtln.checks.before_run.check_config`, or if a
            data set is a concatenation of other classes.
    """
    check_config(cfg)
    for split in ('val', 'test'):
        with in_data_set(split):
            check_concatenations((cfg.get(f'{split}_dataloader') or {}).get(
                'dataset'))
    runner = build_runner(cfg)
    runner.train()
    return runner


def build_runner(cfg: Config) -> Runner:
    """Build the runner that a config names."""
    cfg = FormattedConfig.of(cfg)
    return (RUNNERS.build(cfg) if 'runner_type' in cfg
            else Runner.from_cfg(cfg))


class FormattedConfig(Config):
    """A config that remembers its text until anything in it changes.

    MMEngine writes the config's text into each checkpoint and formats it
    anew, which takes 64 to 90 ms, as long as some twenty steps of a small
    network.
    """

    @property
    def pretty_text(self) -> str:
        """str: The config as Python code."""
        content = repr(self._cfg_dict)
        remembered = self.__dict__.get('_remembered')
        if remembered is None or remembered[0] != content:
            remembered = content, super().pretty_text
            # Config's own __setattr__ would make it a key of the config.
            self.__dict__['_remembered'] = remembered
        return remembered[1]

    @classmethod
    def of(cls, cfg: Config) -> 'FormattedConfig':
        """Return one of the same content and origin; nothing is copied."""
        formatted = cls.__new__(cls)
        formatted.__dict__.update(cfg.__dict__)
        return formatted
