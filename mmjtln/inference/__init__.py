"""A network over the images of a domain: features and scores of each class.

Open ``features`` first: which network, and its pass over the images.
"""
