"""Knowledge from images: distances of class features, confusions.

Open ``feature_cost`` first: what the distances between classes share.
"""
