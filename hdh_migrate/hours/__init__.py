"""Hours of the week by a wall clock: when runs may move, and how fast. Pure arithmetic.

Moments are seconds since 1970, hours those of an IANA time zone. Nothing here asks for the time.
"""
