"""Progress: the practice folder, the facts in it, and what follows from them."""
