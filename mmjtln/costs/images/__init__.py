"""Knowledge from images: distances of class features, confusions."""
