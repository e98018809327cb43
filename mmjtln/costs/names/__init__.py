"""Knowledge from class names: word vectors and trees of categories.

Open ``text`` first for vectors, ``taxonomy_cost`` for trees.
"""
