"""Data sets that come with an ordinary install of a package.

Open ``digits`` first, MNIST-5k and UCI digits; ``elpv`` has solar cells.
"""
