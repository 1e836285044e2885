"""pytest's side: options, markers, what tests ask for and what becomes of them."""
