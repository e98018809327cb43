"""A finished run is known again, and runs can use a GPU."""
import os

import pytest
import torch

from mmjtln.comparison import RunResult
from mmjtln.comparison.run import RESULT, Pool, config_text, finished

CONFIG = dict(model=dict(type='A'), load_from=None, rates=[0.1, 0.2])


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run that was finished with CONFIG."""
    (tmp_path / 'config.json').write_text(config_text(CONFIG))
    (tmp_path / RESULT).write_text(
        '{"steps": 4, "images": 32, "validation": 60.5, "test": 63.6, '
        '"test_last": 57.6, "chosen": "best_epoch_1", "seconds": 3.1}')
    return tmp_path


@pytest.mark.parametrize('changed, known', [
    (dict(), True),
    # A variable of the file, with which some other method was written.
    (dict(carried_over=dict(type='Hook')), True),
    # One that was there: a hook of the user's own may read it.
    (dict(rates=[0.1]), False),
    (dict(model=dict(type='B')), False),
    (dict(load_from='other.pth'), False),
    # What MMEngine reads counts when it is new.
    (dict(train_cfg=dict(max_epochs=2)), False),
    (dict(find_unused_parameters=True), False),
])
def test_a_finished_run_is_known_by_what_it_reads(folder, changed, known):
    assert (finished({**CONFIG, **changed}, folder) is not None) == known


@pytest.mark.parametrize('name, known', [
    ('rates', True), ('model', False), ('load_from', False)])
def test_what_is_gone_counts_if_it_was_read(folder, name, known):
    """None is a value: a runner may do otherwise without the name."""
    cfg = {key: value for key, value in CONFIG.items() if key != name}
    assert (finished(cfg, folder) is not None) == known


def test_a_result_is_read_as_it_was_written(folder):
    """By the files of earlier versions, too, which have the same form."""
    assert finished(CONFIG, folder) == RunResult(
        steps=4, validation=60.5, test=63.6, chosen='best_epoch_1',
        seconds=3.1)


def test_without_a_result_it_is_not_finished(folder):
    (folder / RESULT).unlink()
    assert finished(CONFIG, folder) is None


def use_gpu() -> None:
    """Put something on the GPU, in a fork of a process with our imports."""
    torch.zeros(1, device='cuda')


def test_forks_ask_nvml_for_a_gpu(monkeypatch, tmp_path):
    """Unless the user has said otherwise; asked of the driver, it is lost."""
    # Set first, so that what Pool sets is taken back at the end.
    monkeypatch.setenv('PYTORCH_NVML_BASED_CUDA_CHECK', '')
    monkeypatch.delenv('PYTORCH_NVML_BASED_CUDA_CHECK')
    Pool(tmp_path, 1, 1)
    assert os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] == '1'
    monkeypatch.setenv('PYTORCH_NVML_BASED_CUDA_CHECK', '0')
    Pool(tmp_path, 1, 1)
    assert os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] == '0'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_forks_use_the_gpu(tmp_path):
    """No `Cannot re-initialize CUDA in forked subprocess`."""
    process = Pool(tmp_path, 1, 1)._context.Process(target=use_gpu)
    process.start()
    process.join()
    assert process.exitcode == 0
