"""Write verified objects anew for other keys, and erase what opened them."""
