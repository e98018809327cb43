# Compares, on 436 emoji in one design, fifteen of Unicode's subgroups, and
# five of them a class, tuning all of a network with its head alone, from zero
# and from the class names, at 224 pixels.
# Needs: as frozen/emoji.py.
# Command: python tools/compare_methods.py configs/compare/emoji_tuned.py \
#   --tune 100 --shots 5 --jobs 2 --against \
#   linear_probe,fine_tuning,linear_probe_names
# Found: from names, fine-tuning gains 8.5 points [5.1, 11.9] on the head alone
# and LP-FT 5.3 [2.5, 8.1]; from zero neither gains.
_base_ = ['../_base_/compare_tuned.py']

# The other design shows the same things: it would be in two of the splits.
pictures = dict(data_root='data/emoji', extensions=('_google.png', ))
# Of six pictures, class by class, three are to draw from, one to validate on
# and two to test.
order = list(range(436))
drawn = [i for i in order if i % 6 < 3]
validated = [i for i in order if i % 6 == 3]
tested = [i for i in order if i % 6 > 3]
model = dict(head=dict(num_classes=15))
train_dataloader = dict(
    dataset=dict(target=dict(dataset=dict(**pictures, indices=drawn))))
val_dataloader = dict(dataset=dict(**pictures, indices=validated))
test_dataloader = dict(dataset=dict(**pictures, indices=tested))
