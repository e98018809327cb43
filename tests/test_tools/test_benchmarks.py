"""The benchmarks' own checks, on small problems; nothing is held to a time."""
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS

FOLDER = Path(__file__).parents[2] / 'tools/benchmarks'


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark as its script would be, the folder in the path."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], '__file__', None) and Path(
                sys.modules[name].__file__).parent == FOLDER:
            del sys.modules[name]


def test_solvers_agree(load):
    """POT's solvers reach the error, and with it OTLoss's gradients."""
    pytest.importorskip('ot.batch')
    benchmark, problem = load('ot_loss'), ((4, 6, 5), 'random', 'cpu')
    expected, = benchmark.job('OTLoss', *problem)()
    for name in benchmark.OTHERS:
        _, error = benchmark.tune(name, problem, expected, 5.)
        assert error <= benchmark.ERROR


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(),
                    reason='reads the memory of processes from Linux')
def test_peak_memory(load):
    """That of the call, above what was held and whatever was held before."""
    timing = load('timing')
    bytearray(2**27)
    assert 63 < timing.peak_memory(lambda: bytearray(2**26)) < 66


def test_contestants_run_in_turn(load):
    """In alternating order; who has spent the budget is not asked again."""
    timing, asked = load('timing'), []
    times = timing.in_turn(
        {name: lambda n=name: asked.append(n) or 2. for name in 'ab'}, 4, 5.)
    assert ''.join(asked) == 'abbaab'
    assert times == dict(a=[2.] * 3, b=[2.] * 3)
    assert timing.quartiles([2., 4.], [1., 2.]) == [2.] * 3


@pytest.mark.parametrize('name', ['AlexNet', 'ResNet-50', 'ViT-S/16'])
def test_stock_and_joint_models_are_built(load, name):
    """Both are made of the same file, with equal weights."""
    benchmark = load('train_step')
    plain, joint = benchmark.build(
        benchmark.MODELS_TIMED[name](), 'cpu')
    state = joint.state_dict()
    assert all((state[key] == value).all()
               for key, value in plain.state_dict().items())
    assert joint.source_head.num_classes == 1000 and joint.ot_loss.has_cost


def test_full_size_on_a_small_scale(load, tmp_path):
    """Both kinds of run read the lists and the pictures."""
    benchmark = load('full_size')
    benchmark.make_data(tmp_path, 2000, 3)
    for kind, length in (('joint', 2000 + 3334), ('stock', 2000)):
        dataset = DATASETS.build(
            benchmark.config(kind, tmp_path).train_dataloader.dataset)
        assert len(dataset) == length
        assert dataset[1999]['inputs'].shape == (3, 224, 224)
    assert dataset.get_data_info(1999)['gt_label'] == 999


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(),
                    reason='reads the memory of processes from Linux')
def test_a_run_is_measured_and_killed(load, tiny_run, monkeypatch):
    """Steps, memory and checkpoint, of a run with a worker."""
    benchmark = load('full_size')

    class KilledError(Exception):
        pass

    def kill(group, number):
        raise KilledError

    monkeypatch.setattr(os, 'killpg', kill)
    monkeypatch.setenv(benchmark.BEGAN, '0')
    tiny_run.train_cfg = dict(by_epoch=False, max_iters=9, val_interval=9)
    tiny_run.default_hooks.checkpoint.update(
        by_epoch=False, interval=benchmark.INTERVAL)
    tiny_run.train_dataloader.num_workers = 1
    tiny_run.custom_hooks.append(dict(type='MeasureHook', steps=4))
    with pytest.raises(KilledError):
        Runner.from_cfg(tiny_run).train()
    found, steps = json.loads(
        Path(tiny_run.work_dir, 'found.json').read_text())
    assert len(steps) == 4 and all(step > 0 for step in steps)
    assert 0 < found['Private to a worker, MiB'] < (
        found['Main process and workers, MiB'])
    assert {'Checkpoint, MiB', 'Start to first step, s'} <= found.keys()


def test_gpu_script():
    """Its syntax holds, and each tool it calls is there."""
    script = FOLDER / 'gpu.sh'
    subprocess.run(['bash', '-n', script], check=True)
    tools = re.findall(r'python (tools/\S+\.py)', script.read_text())
    assert len(tools) >= 4
    assert all((FOLDER.parents[1] / tool).is_file() for tool in tools)
