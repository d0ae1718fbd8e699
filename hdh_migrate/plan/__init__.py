"""Plans: what to move from where to where, read strictly and refused with line and column.

Nothing here talks to a network. `loader.load` reads a plan file, `model.Plan` is its shape,
`secrets.resolve` fetches what the plan only refers to.
"""
