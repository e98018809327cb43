"""The settings of a run that its steps depend on, to be compared."""
from collections.abc import Iterator

from mmengine.runner import Runner

#: Where weights come from, and what a machine or another check decides.
_LEFT_OUT = ('init_cfg', 'pretrained', 'checkpoint', 'cost', '_scope_',
             'loss_scale', 'dtype', 'accumulative_counts')


def training_settings(runner: Runner) -> dict[str, dict[str, str]]:
    """Return what the config says of model, optimizer, schedule and pipeline.

    Args:
        runner (Runner): Built from a config; of one that was built from
            objects nothing is known.

    Returns:
        dict[str, dict[str, str]]: Under 'model', 'optimizer', 'schedule' and
        'pipeline' the options, by their dotted names.
    """
    cfg = runner.cfg
    wrapper = dict(cfg.get('optim_wrapper') or {})
    # On a machine without a GPU it is another one.
    wrapper.pop('type', None)
    model = dict(cfg.get('model') or {})
    if cfg.get('data_preprocessor'):
        model['data_preprocessor'] = cfg.data_preprocessor
    loader = cfg.get('train_dataloader') or {}
    return dict(model=dict(_options(model)), optimizer=dict(_options(wrapper)),
                schedule=dict(_options(cfg.get('param_scheduler'))),
                pipeline=dict(_pipelines(loader.get('dataset'))))


def _options(value: object, name: str = '') -> Iterator[tuple[str, str]]:
    """Go through the leaves of nested options, by dotted names."""
    if isinstance(value, dict):
        for key in value:
            if key not in _LEFT_OUT:
                yield from _options(value[key],
                                    f'{name}.{key}' if name else str(key))
    elif isinstance(value, (list, tuple)) and any(
            isinstance(part, dict) for part in value):
        for number, part in enumerate(value):
            yield from _options(part, f'{name}.{number}' if name else
                                str(number))
    elif value is not None:
        yield name, repr(list(value) if isinstance(value, tuple) else value)


def _pipelines(dataset: object, name: str = '') -> Iterator[tuple[str, str]]:
    """Go through the pipelines of a data set's config."""
    if isinstance(dataset, (list, tuple)):
        dataset = dict(enumerate(dataset))
    if not isinstance(dataset, dict):
        return
    for key, value in dataset.items():
        inner = f'{name}.{key}' if name else str(key)
        if key == 'pipeline':
            yield from _options(value, inner)
        else:
            yield from _pipelines(value, inner)
