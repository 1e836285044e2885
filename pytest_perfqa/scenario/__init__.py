"""What is to happen: phases, arrivals and requests, and the files that say so."""
