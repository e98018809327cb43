# 373 photographs of foods in eight food groups, see compare/frozen/food.py. Of
# six, class by class, three are to draw from, one to validate on and two to
# test.
pictures = dict(data_root='data/food')
order = list(range(373))
drawn = dict(**pictures, indices=[i for i in order if i % 6 < 3])
validated = dict(**pictures, indices=[i for i in order if i % 6 == 3])
tested = dict(**pictures, indices=[i for i in order if i % 6 > 3])
