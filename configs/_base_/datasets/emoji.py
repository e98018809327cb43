# 436 emoji in one design of fifteen of Unicode's subgroups, see
# compare/frozen/emoji.py. Of six, class by class, three are to draw from, one
# to validate on and two to test. The other design shows the same things: it
# would be in two of the splits.
pictures = dict(data_root='data/emoji', extensions=('_google.png', ))
order = list(range(436))
drawn = dict(**pictures, indices=[i for i in order if i % 6 < 3])
validated = dict(**pictures, indices=[i for i in order if i % 6 == 3])
tested = dict(**pictures, indices=[i for i in order if i % 6 > 3])
