"""Parts of data sets, and several as one.

Open ``subset`` first: what all parts share. ``class_subset`` and ``few_shot``
choose by class and by number, ``relabelled`` changes labels alone, and
``union_dataset`` joins several sources.
"""
