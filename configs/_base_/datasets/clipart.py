# 1,018 drawings of 24 subjects, see compare/frozen/clipart.py. Of six, class
# by class, three are to draw from, one to validate on and two to test.
pictures = dict(data_root='data/clipart')
order = list(range(1018))
drawn = dict(**pictures, indices=[i for i in order if i % 6 < 3])
validated = dict(**pictures, indices=[i for i in order if i % 6 == 3])
tested = dict(**pictures, indices=[i for i in order if i % 6 > 3])
