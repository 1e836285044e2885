"""pytest's side of the load: starts generator processes and follows them."""
