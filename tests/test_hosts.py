"""A missing or unsuitable host is an ImportError that says what to install."""
import importlib
import io
import logging
import subprocess
import sys

import pytest

from mmjtln import hosts


def test_present_hosts_pass():
    """The hosts of this environment are accepted."""
    hosts.check_hosts()


def test_missing_host(monkeypatch):
    """The message names the host and the pip line."""

    def no_mmpretrain(name):
        if name == 'mmpretrain':
            raise ImportError('No module named mmpretrain')
        return real(name)

    real = importlib.import_module
    monkeypatch.setattr(importlib, 'import_module', no_mmpretrain)
    with pytest.raises(ImportError) as error:
        hosts.check_hosts()
    assert 'mmpretrain' in str(error.value)
    assert 'pip install "mmjtln[openmmlab]"' in str(error.value)


@pytest.mark.parametrize('version', ['0.7.0', '2.0.0'])
def test_wrong_version(monkeypatch, version):
    """Too old and too new are told apart from missing."""
    import mmengine
    monkeypatch.setattr(mmengine, '__version__', version)
    with pytest.raises(ImportError, match=f'mmengine .* {version} is'):
        hosts.check_hosts()


ALONE = '''
import sys
sys.modules.update(dict.fromkeys(('mmengine', 'mmcv', 'mmpretrain')))
import torch
from mmjtln.ot import entropic_value
logits = torch.zeros(2, 3, requires_grad=True)
value, result = entropic_value(logits, logits.detach(), torch.rand(3, 3), 0.1)
value.sum().backward()
assert result.converged
import mmjtln
try:
    mmjtln.models
except ImportError as error:
    print(error)
'''


def test_the_solver_alone_needs_no_host():
    """Without OpenMMLab it solves, and the rest says what to install."""
    said = subprocess.run([sys.executable, '-c', ALONE], check=True,
                          capture_output=True, text=True).stdout
    assert 'needs `mmengine`' in said and 'pip install' in said


def test_what_hosts_say_of_themselves():
    """Nothing of a network's stages and of files, whatever logger says it."""
    from mmengine.fileio import FileClient
    from mmengine.logging import MMLogger
    from mmpretrain.models.backbones import timm_backbone

    for name in ('mmengine', 'another run'):
        logger = MMLogger.get_instance(name, log_level='INFO')
        text = io.StringIO()
        logger.addHandler(logging.StreamHandler(text))
        FileClient('disk')
        timm_backbone.print_timm_feature_info([dict(stage=1)])
        timm_backbone.print_timm_feature_info(None)
        logger.info('backbone')
        assert text.getvalue() == (
            'This backbone does not have feature_info\nbackbone\n')
