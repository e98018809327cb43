# 600 pictures of ten garments, see compare/frozen/garments.py. Of six, class
# by class, three are to draw from, one to validate on and two to test.
pictures = dict(data_root='data/garments')
order = list(range(600))
drawn = dict(**pictures, indices=[i for i in order if i % 6 < 3])
validated = dict(**pictures, indices=[i for i in order if i % 6 == 3])
tested = dict(**pictures, indices=[i for i in order if i % 6 > 3])
