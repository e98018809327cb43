"""Knowledge from class names: word vectors and trees of categories."""
