"""The benchmarks' own checks, on small problems; nothing is held to a time."""
import importlib
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools/benchmarks'
FOLDERS = FOLDER, FOLDER / 'transport'


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark as its script would be, the folder in the path."""
    before = set(sys.modules)
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], '__file__', None) and Path(
                sys.modules[name].__file__).parent in FOLDERS:
            del sys.modules[name]


def options(**others):
    """What every OT benchmark takes."""
    return Namespace(**{
        **dict(reg=0.1, error=1e-5, spread=2., repeats=2, threads=1,
               device='cpu', cost='random', max_iter=10000, budget=5.),
        **others})


def test_solvers_agree(load):
    """POT's solvers reach the error, and with it OTLoss's gradients."""
    pytest.importorskip('ot.batch')
    benchmark, args = load('ot_loss'), options()
    data = benchmark.problem((4, 6, 5), args)
    expected = benchmark.Ours(*data, args).run()
    for solver_class in load('ot_solvers').OTHERS:
        knob, _, error = benchmark.tune(
            solver_class(*data, args), expected, args)
        assert (error <= args.error) == (knob is not None)
        assert knob is not None or solver_class.name.startswith('geomloss')


def test_operations_are_counted(load, capsys):
    """The row of a size says how many products were made."""
    benchmark = load('ot_loss')
    # Easy enough for no Newton step.
    benchmark.alone((64, 200, 100), options(), bandwidth=1e10)
    cells = [cell.strip() for cell in capsys.readouterr().out.split('|')[1:]]
    assert cells[0] == '64 x 200 x 100'
    # Two products an iteration, and one for the other potential.
    done = (2 * int(cells[2]) + 1) * 2 * 64 * 200 * 100
    assert done > 5e7 and cells[4].startswith(f'{done / 1e9:.2f} at')


def test_acceleration_is_switched_off_and_on(load, capsys):
    """The plain iteration needs more iterations, for the same values."""
    benchmark = load('ot_small_reg')
    benchmark.measure((4, 6, 5), 0.01, options(error=1e-4))
    rows = capsys.readouterr().out.splitlines()
    plain, accelerated, both = (
        int(row.split('|')[3].split()[0]) for row in rows)
    assert plain > 2 * accelerated and plain > 2 * both > 0
    assert benchmark.solver.REACH > 0
    assert benchmark.solver.NEWTON_CLASSES > 0


@pytest.mark.parametrize('name', ['AlexNet', 'ResNet-50', 'ViT-S/16'])
def test_stock_and_joint_models_are_built(load, name):
    """Both are made of the same file, with equal weights."""
    benchmark = load('train_step')
    plain, joint = benchmark.build(
        benchmark.MODELS_TIMED[name](),
        options(source_classes=7, target_classes=5))
    state = joint.state_dict()
    assert all((state[key] == value).all()
               for key, value in plain.state_dict().items())
    assert joint.source_head.num_classes == 7 and joint.ot_loss.has_cost


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(),
                    reason='reads the memory of processes from Linux')
def test_full_size_on_a_small_scale(load, tmp_path, capsys):
    """Lists, pictures, both loaders and the order are measured for real."""
    benchmark = load('full_size')
    importlib.import_module('full_size_data').make(tmp_path, 2000, 3)
    for kind, length in (('joint', 2000 + 3334), ('stock', 2000)):
        dataset, _ = benchmark.build(kind, tmp_path)
        assert len(dataset) == length
        assert dataset[1999]['inputs'].shape == (3, 224, 224)
    assert dataset.get_data_info(1999)['gt_label'] == 999
    args = Namespace(repeats=1, workers=1)
    benchmark.measure_loaders(tmp_path, args)
    rows = [line.strip('| ').split(' | ')
            for line in capsys.readouterr().out.splitlines()]
    assert [row[0].split(',')[0] for row in rows] == [
        'Build', 'Peak while building', 'Order at the start of epoch 40',
        'Order at the start of the next epoch',
        'Order in the middle of epoch 40', 'Main process and workers',
        'Private to a worker']
    assert all(float(row[1]) >= 0 for row in rows)
    # Less than a page of difference is none: the forks are alike.
    assert 0.5 < float(rows[5][3]) < 2


def test_tensors_of_checkpoints_are_compared(load, tmp_path):
    """Those that differ, and those that one lacks, are counted."""
    compare = load('full_size_train').compare
    same = dict(state_dict=dict(a=torch.ones(3)), optimizer=[
        dict(momentum=torch.zeros(2))], iter=3)
    torch.save(same, tmp_path / 'one.pth')
    torch.save({**same, 'iter': 4}, tmp_path / 'same.pth')
    torch.save(dict(state_dict=dict(a=torch.zeros(3))),
               tmp_path / 'other.pth')
    assert compare(tmp_path / 'one.pth', tmp_path / 'same.pth') == (2, 0)
    assert compare(tmp_path / 'one.pth', tmp_path / 'other.pth') == (2, 2)


def test_gpu_script():
    """Its syntax holds, and each tool it calls is there."""
    script = FOLDER / 'gpu.sh'
    subprocess.run(['bash', '-n', script], check=True)
    tools = re.findall(r'python (tools/\S+\.py)', script.read_text())
    assert len(tools) >= 5
    assert all((FOLDER.parents[1] / tool).is_file() for tool in tools)
