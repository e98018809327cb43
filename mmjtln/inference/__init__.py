"""A network over the images of a domain: features and scores of each class.

Open ``over_images`` first: one pass, shared by the processes of a run.
"""
