"""What a run leaves behind, and whether two runs left the same bits."""
from pathlib import Path

import torch
from mmengine.runner.checkpoint import CheckpointLoader


def load(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(
        str(path), map_location='cpu', logger='silent')


def unreadable(work_dir: Path) -> list[str]:
    """Return the checkpoints that do not load, the pointed-to included."""
    paths = set(work_dir.glob('*.pth'))
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        paths.add(Path(pointer.read_text()))
    bad = []
    for path in sorted(paths):
        try:
            load(path)['state_dict']
        except Exception as error:
            bad.append(f'{path}: {error}')
    return bad


def flatten(value: object, name: str = '') -> dict:
    """Return the leaves of nested dicts and lists by their paths."""
    items = (value.items() if isinstance(value, dict) else
             enumerate(value) if isinstance(value, list | tuple) else None)
    if items is None:
        return {name: value}
    return {path: leaf for key, part in items
            for path, leaf in flatten(part, f'{name}/{key}').items()}


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return (isinstance(b, torch.Tensor) and a.dtype == b.dtype
                and torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5)))
    return a == b or (a != a and b != b)


def end_of(work_dir: Path) -> tuple[dict, dict]:
    """Return the last and best state of a run, and all it has logged."""
    last = load((work_dir / 'last_checkpoint').read_text())
    state = {key: last[key] for key in (
        'state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
        if key in last}
    for best in work_dir.glob('best_*.pth'):
        state[best.name] = load(best)['state_dict']
    hub = last['message_hub']
    logged = {
        name: history.data[0].tolist()
        for name, history in hub['log_scalars'].items()
        if name.startswith('val/') and 'time' not in name or 'loss' in name
    }
    logged['best_score'] = [hub['runtime_info'].get('best_score')]
    return flatten(state), logged


def differing(ours: dict, theirs: dict) -> list[str]:
    """Return the names under which two dicts do not hold the same bits."""
    return sorted(
        name for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs
        or not same(ours[name], theirs[name]))
