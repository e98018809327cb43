"""The image files that a path stands for."""
from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS


def image_files(path: str | Path, recursive: bool = False) -> list[str]:
    """List the images of a folder by name, or return a file alone.

    Args:
        path (str | Path): A file, whatever its name, or a folder.
        recursive (bool): Whether to look into folders of the folder.
            Defaults to False.

    Returns:
        list[str]: Paths that begin with ``path``.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If a folder holds no image.
    """
    path = Path(path)
    if path.is_file():
        return [str(path)]
    if not path.is_dir():
        raise FileNotFoundError(f'There is no file or folder {path}.')
    files = sorted(
        str(file) for file in path.glob('**/*' if recursive else '*')
        if file.suffix.lower() in IMG_EXTENSIONS and file.is_file())
    if not files:
        raise ValueError(
            f'The folder must hold images, but {path} has no file '
            f'that ends in one of {", ".join(IMG_EXTENSIONS)}'
            + ('.' if recursive else ' directly in it.'))
    return files
